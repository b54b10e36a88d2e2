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
pub use system::{Answer, Call, Change, FASTEST, Happening, PACING, Queue, RouteChange, System};

/// A script.
#[derive(Clone, Debug)]
pub struct Drill {
    /// What it says over each of its families: names may stand for other things.
    scripts: Vec<(Family, ast::Script)>,
}

impl Drill {
    /// Reads a script.
    ///
    /// # Errors
    /// What is not understood, and where.
    pub fn read(text: &str) -> Result<Self, Failure> {
        Self::read_with(text, &[])
    }

    /// Reads a script as if it began with these of packetdrill's options, without their dashes: `remote_ip=192.0.2.7`,
    /// `define=NAME=VALUE`.
    ///
    /// # Errors
    /// What is not understood, and where.
    pub fn read_with(text: &str, settings: &[String]) -> Result<Self, Failure> {
        let mut tokens = Vec::new();
        for setting in settings {
            let mut words = lex::words(&format!("--{setting}"))?;
            words.retain(|word| word.kind != lex::Kind::End);
            for word in &mut words {
                word.place = Place::default();
            }
            tokens.extend(words);
        }
        tokens.extend(lex::words(text)?);
        let settings = parse::settings(&tokens);
        let mut scripts = Vec::new();
        for family in setup::families(&settings)? {
            let defines = setup::defines(&settings, family)?;
            scripts.push((family, parse::script(tokens.clone(), &defines)?));
        }
        // An ICMP message that only one family has, or a route of one, is for that one.
        let fits = |(family, script): &(Family, ast::Script)| run::check(script, *family);
        let failures: Vec<Failure> = scripts.iter().filter_map(|one| fits(one).err()).collect();
        if failures.len() == scripts.len()
            && let Some(failure) = failures.into_iter().next()
        {
            return Err(failure);
        }
        scripts.retain(|one| fits(one).is_ok());
        Ok(Self { scripts })
    }

    /// The families that the script is for: `--ip_version`, or all three.
    pub fn families(&self) -> Vec<Family> {
        self.scripts.iter().map(|(family, _)| *family).collect()
    }

    fn script(&self, family: Family) -> Result<&ast::Script, Failure> {
        let found = self.scripts.iter().find(|(known, _)| *known == family);
        found.map(|(_, script)| script).ok_or_else(|| {
            let what = format!("the script is not for {}", family.name());
            Failure::new(Place::default(), what)
        })
    }

    /// The machine that the script wants for a family.
    ///
    /// # Errors
    /// A setting that is not understood, or a family that the script is not for.
    pub fn setup(&self, family: Family) -> Result<Setup, Failure> {
        setup::setup(self.script(family)?, family)
    }

    /// Plays the script against a new host. The answer is what its code printed.
    ///
    /// # Errors
    /// The first thing that was not as the script says.
    pub fn run(&self, family: Family) -> Result<Vec<String>, Failure> {
        let setup = self.setup(family)?;
        if setup.is_dry {
            return Ok(Vec::new());
        }
        let mut system = HostSystem::new(&setup).map_err(|why| {
            let script = self.script(family).ok();
            let place = script.and_then(|script| Some(script.preparation.first()?.0));
            Failure::new(place.unwrap_or_default(), why)
        })?;
        self.run_on(&setup, &mut system)
    }

    /// Plays the script against a stack that was made as `setup` says.
    ///
    /// # Errors
    /// As [`Drill::run`].
    pub fn run_on(&self, setup: &Setup, system: &mut dyn System) -> Result<Vec<String>, Failure> {
        run::play(self.script(setup.family)?, setup, system)
    }
}
