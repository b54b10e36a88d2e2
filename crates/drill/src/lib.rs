//! Packetdrill scripts: packets both ways, system calls with their results, and times, played against Sockeye's host in
//! virtual time or against any other [`System`].
//!
//! [`Drill::read`] reads a script; what it does not understand is an error that names line and word. [`Drill::run`] plays
//! it. `docs/drill.md` describes the language as far as it goes here.
#![forbid(unsafe_code)]

mod ast;
mod calls;
mod code;
mod failure;
mod flow;
mod host;
mod lex;
mod numbers;
mod packet;
mod parse;
mod run;
mod setup;
mod shell;
mod sysctl;
mod system;
mod tcp_info;

pub use failure::{Failure, Place};
pub use host::HostSystem;
pub use setup::{Family, Setup};
pub use system::{Answer, Call, Happening, System};

/// A script.
#[derive(Clone, Debug)]
pub struct Drill {
    script: ast::Script,
}

impl Drill {
    /// Reads a script.
    ///
    /// # Errors
    /// What is not understood, and where.
    pub fn read(text: &str) -> Result<Self, Failure> {
        let script = parse::script(text)?;
        Ok(Self { script })
    }

    /// The families that the script is for: `--ip_version`, or all three.
    ///
    /// # Errors
    /// A version that there is not.
    pub fn families(&self) -> Result<Vec<Family>, Failure> {
        setup::families(&self.script)
    }

    /// The machine that the script wants for a family.
    ///
    /// # Errors
    /// A setting that is not understood.
    pub fn setup(&self, family: Family) -> Result<Setup, Failure> {
        setup::setup(&self.script, family)
    }

    /// Plays the script against a new host. The answer is what its code printed.
    ///
    /// # Errors
    /// The first thing that was not as the script says.
    pub fn run(&self, family: Family) -> Result<Vec<String>, Failure> {
        let setup = self.setup(family)?;
        let mut system = HostSystem::new(&setup).map_err(|why| {
            let place = self.script.preparation.first().map(|(place, _)| *place);
            Failure::new(place.unwrap_or_default(), why)
        })?;
        self.run_on(&setup, &mut system)
    }

    /// Plays the script against a stack that was made as `setup` says.
    ///
    /// # Errors
    /// As [`Drill::run`].
    pub fn run_on(&self, setup: &Setup, system: &mut dyn System) -> Result<Vec<String>, Failure> {
        run::play(&self.script, setup, system)
    }
}
