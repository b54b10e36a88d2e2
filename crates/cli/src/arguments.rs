//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use sockeye_run::{Netem, Publication};

/// The Berkeley sockets system in user space, under unmodified programs.
#[derive(Debug, Parser)]
#[command(name = "sockeye", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a program, with all its children, on a private network
    Run(Box<Run>),
    /// Show the sockets of runs, in iproute2's columns
    Ss(Ss),
    /// List the runs
    Ps(Ps),
    /// Shape the network of a run that was started with --netem by other words
    Netem(Shape),
    /// Play packetdrill scripts against Sockeye's own TCP/IP, in virtual time
    Drill(Drill),
    /// Say what this machine lacks and what then does not work
    Doctor,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Publish a port of the run on this machine: [IP:]HOSTPORT:PORT[/udp]
    #[arg(short, long, value_name = "[IP:]HOSTPORT:PORT[/udp]")]
    publish: Vec<Publication>,
    /// How connections between the run's own sockets travel
    #[arg(long, value_enum, default_value_t = Loopback::Direct)]
    loopback: Loopback,
    /// Write the packets to a pcapng file; implies --loopback stack
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Shape the run's network, in the words of `tc netem`; implies --loopback stack
    ///
    /// For example "delay 50ms 10ms distribution normal loss 1%" or "rate 10mbit fq_codel". The words are delay, distribution,
    /// loss (random, state, gemodel), ecn, duplicate, corrupt, reorder, gap, rate, slot, limit and seed; at the end, after a rate, a
    /// queue discipline: pfifo, bfifo, codel, fq_codel or red. Each packet between two sockets of the run is shaped once.
    #[arg(long, value_name = "WORDS")]
    netem: Option<Netem>,
    /// What `sockeye ss` and `sockeye ps` call the run
    #[arg(long)]
    name: Option<String>,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    command: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Loopback {
    /// The two programs' files become one kernel pair
    Direct,
    /// Every byte goes through Sockeye's own TCP/IP
    Stack,
}

impl From<Run> for sockeye_run::Options {
    fn from(run: Run) -> sockeye_run::Options {
        let loopback = match run.loopback {
            Loopback::Stack => sockeye_run::Loopback::Stack,
            Loopback::Direct if run.pcap.is_some() || run.netem.is_some() => {
                sockeye_run::Loopback::Stack
            }
            Loopback::Direct => sockeye_run::Loopback::Direct,
        };
        sockeye_run::Options {
            command: run.command,
            loopback,
            publish: run.publish,
            capture: run.pcap,
            netem: run.netem,
            name: run.name,
        }
    }
}

/// Which sockets, and what about them.
#[derive(Debug, Args)]
pub(crate) struct Ss {
    /// Only of the run with this name, or this process; of all otherwise
    pub(crate) name: Option<String>,
    /// TCP sockets
    #[arg(short, long)]
    pub(crate) tcp: bool,
    /// UDP sockets
    #[arg(short, long)]
    pub(crate) udp: bool,
    /// AF_UNIX sockets
    #[arg(short = 'x', long)]
    pub(crate) unix: bool,
    /// Only listening sockets
    #[arg(short, long)]
    pub(crate) listening: bool,
    /// Ports as numbers, not as names of services
    #[arg(short, long)]
    pub(crate) numeric: bool,
    /// Listening sockets too
    #[arg(short, long)]
    pub(crate) all: bool,
    /// The process that uses the socket
    #[arg(short, long)]
    pub(crate) processes: bool,
    /// What TCP knows about the connection
    #[arg(short, long)]
    pub(crate) info: bool,
    /// The socket's memory
    #[arg(short, long)]
    pub(crate) memory: bool,
    /// The timer that runs
    #[arg(short, long)]
    pub(crate) options: bool,
    /// Who made the socket, and what names it
    #[arg(short, long)]
    pub(crate) extended: bool,
    /// Everything as one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which scripts to play.
#[derive(Debug, Args)]
pub(crate) struct Drill {
    /// Only over this version of IP: ipv4, ipv6 or ipv4-mapped-ipv6
    #[arg(long, value_name = "VERSION")]
    pub(crate) ip_version: Option<sockeye_drill::Family>,
    /// Let a name in the scripts stand for a word: NAME=VALUE
    #[arg(short = 'D', long, value_name = "NAME=VALUE")]
    pub(crate) define: Vec<String>,
    /// One of packetdrill's options, as if the scripts began with it: remote_ip=192.0.2.7
    #[arg(long = "option", value_name = "NAME[=VALUE]")]
    pub(crate) options: Vec<String>,
    /// The scripts
    #[arg(required = true, value_name = "FILE.pkt")]
    pub(crate) files: Vec<PathBuf>,
}

/// How to list runs.
#[derive(Debug, Args)]
pub(crate) struct Ps {
    /// Everything as one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which run, and what of its network.
#[derive(Debug, Args)]
pub(crate) struct Shape {
    /// The run's name, or one of its processes
    pub(crate) name: String,
    /// All of its impairments from now on, as in `run --netem`; "delay 0ms" is none
    #[arg(value_parser = netem_words)]
    pub(crate) words: String,
}

/// The words, once they are understood.
fn netem_words(words: &str) -> Result<String, String> {
    let _understood: Netem = words.parse().map_err(|error| format!("{error}"))?;
    Ok(words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn everything_after_the_program_is_the_programs() {
        let arguments = Arguments::try_parse_from([
            "sockeye", "run", "-p", "80:80", "--", "ls", "-p", "--json",
        ])
        .unwrap();
        let Command::Run(run) = arguments.command else {
            panic!("not run")
        };
        assert_eq!(run.command, ["ls", "-p", "--json"]);
        assert_eq!(run.publish.len(), 1);
    }

    #[test]
    fn an_unknown_flag_is_not_taken_for_the_program() {
        let error = Arguments::try_parse_from(["sockeye", "run", "--bogus", "ls"])
            .unwrap_err()
            .to_string();
        assert!(error.contains("unexpected argument '--bogus'"), "{error}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Arguments::try_parse_from(["sockeye", "run"])
            .unwrap_err()
            .to_string();
        assert!(error.contains("CMD"), "{error}");
    }

    #[test]
    fn words_of_netem_that_are_not_understood_are_named() {
        let parse =
            |words: &str| Arguments::try_parse_from(["sockeye", "run", "--netem", words, "true"]);
        let error = parse("delay soon").unwrap_err().to_string();
        assert!(
            error.contains("expected a time such as 10ms, found 'soon'"),
            "{error}"
        );
        let Command::Run(run) = parse("delay 5ms loss 1%").unwrap().command else {
            panic!("not run")
        };
        let options = sockeye_run::Options::from(*run);
        assert_eq!(options.loopback, sockeye_run::Loopback::Stack);
        assert_eq!(options.netem, "loss 1% delay 5ms".parse().ok());
    }

    #[test]
    fn a_bad_port_says_what_was_expected() {
        let error = Arguments::try_parse_from(["sockeye", "run", "-p", "x", "--", "true"])
            .unwrap_err()
            .to_string();
        assert!(error.contains("expected [IP:]HOSTPORT:PORT"), "{error}");
    }
}
