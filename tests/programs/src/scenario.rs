//! The catalogue of scenarios, and what it means that one passes.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use libtest_mimic::{Failed, Trial};

use crate::arm::{self, Arm, Loopback, Outcome, User};
use crate::need::{self, Need, Need::*};
use crate::stage::Stage;

/// Where a scenario's script stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Inside the run, compared with a native run.
    Inside,
    /// On the host's side.
    Outside,
}

/// One script, run for each user and each loopback way.
#[derive(Clone, Copy, Debug)]
struct Scenario {
    place: Place,
    /// The script is `scenarios/<place>/<name>.sh`.
    name: &'static str,
    needs: &'static [Need],
    /// The account of the ordinary user.
    account: &'static str,
    /// Generous: reaching it means that something hangs.
    seconds: u64,
    /// What is known to be printed otherwise.
    differences: &'static [Difference],
}

/// A line that a native run prints and a run under `sockeye` can't, with what it prints in its place. Listed in the book.
#[derive(Clone, Copy, Debug)]
struct Difference {
    native: &'static str,
    ours: &'static str,
}

const fn inside(name: &'static str, needs: &'static [Need]) -> Scenario {
    Scenario {
        place: Place::Inside,
        name,
        needs,
        account: "nobody",
        seconds: 90,
        differences: &[],
    }
}

const fn outside(name: &'static str, needs: &'static [Need]) -> Scenario {
    Scenario {
        place: Place::Outside,
        ..inside(name, needs)
    }
}

impl Scenario {
    const fn as_account(self, account: &'static str) -> Scenario {
        Scenario { account, ..self }
    }

    const fn within(self, seconds: u64) -> Scenario {
        Scenario { seconds, ..self }
    }

    const fn differing(self, differences: &'static [Difference]) -> Scenario {
        Scenario {
            differences,
            ..self
        }
    }
}

/// The kernel has one errno for an AF_UNIX datagram socket whose peer is gone, and a native call can be told no other.
const REFUSED_DATAGRAMS: &[Difference] = &[
    Difference {
        native: "udp recv 127.0.0.1 ECONNREFUSED",
        ours: "udp recv 127.0.0.1 ECONNRESET",
    },
    Difference {
        native: "udp send 127.0.0.1 ECONNREFUSED",
        ours: "udp send 127.0.0.1 ECONNRESET",
    },
    Difference {
        native: "udp recv ::1 ECONNREFUSED",
        ours: "udp recv ::1 ECONNRESET",
    },
    Difference {
        native: "udp send ::1 ECONNREFUSED",
        ours: "udp send ::1 ECONNRESET",
    },
];

const PYTHON: Need = Path("/usr/bin/python3");

/// Every scenario. The names are the scripts'.
const SCENARIOS: &[Scenario] = &[
    inside("bash-dev-tcp", &[]),
    inside("python-http", &[PYTHON, Program("curl"), Program("wget")]),
    inside("python-asyncio", &[PYTHON]),
    inside("python-connect", &[PYTHON]),
    inside("python-fast-open", &[PYTHON]),
    inside("python-dual-stack", &[PYTHON]).differing(REFUSED_DATAGRAMS),
    inside(
        "nginx",
        &[
            Program("nginx"),
            Program("wrk"),
            Program("ab"),
            Program("curl"),
        ],
    ),
    inside(
        "nginx-reuseport",
        &[
            Program("nginx"),
            Program("wrk"),
            Program("ab"),
            Program("curl"),
        ],
    ),
    inside(
        "redis",
        &[
            Program("redis-server"),
            Program("redis-cli"),
            Program("redis-benchmark"),
        ],
    ),
    inside(
        "postgresql",
        &[
            Path("/usr/lib/postgresql/15/bin/initdb"),
            Path("/usr/lib/postgresql/15/bin/postgres"),
            Path("/usr/lib/postgresql/15/bin/pgbench"),
            Program("psql"),
            Account("postgres"),
        ],
    )
    .within(120),
    // Its login shell must be a real one: sshd runs each command with it.
    inside("ssh", &[Program("sshd"), Program("ssh"), Program("scp")])
        .as_account("postgres")
        .within(120),
    inside("iperf3", &[Program("iperf3"), PYTHON]),
    inside("go-http", &[Program("go")]),
    inside("busybox", &[Path("/bin/busybox")]),
    inside("socat", &[Program("socat")]),
    inside("netcat", &[Path("/bin/nc.openbsd")]),
    inside("node-http", &[Program("node")]),
    inside("java-sockets", &[Program("java"), Program("javac")]),
    inside("kill-processes", &[PYTHON]),
    inside(
        "interfaces",
        &[
            PYTHON,
            Program("node"),
            Program("go"),
            Program("java"),
            Program("javac"),
            Path("/bin/busybox"),
        ],
    ),
    inside("ss", &[PYTHON, Program("ss")]),
    outside("exit-codes", &[PYTHON]),
    outside("usage", &[]),
    outside("streams", &[PYTHON]),
    outside("container-end", &[PYTHON]),
    outside("signals", &[PYTHON]),
    outside("isolation", &[PYTHON, Program("curl")]),
    outside("same-port-twice", &[PYTHON, Program("curl")]),
    outside("publish-tcp", &[PYTHON, Program("curl")]),
    outside("publish-udp", &[PYTHON, Program("socat")]),
    outside("publish-taken", &[PYTHON]),
    outside("kill-supervisor", &[PYTHON, Program("curl")]),
    outside("ten-thousand-connections", &[PYTHON]).within(150),
    outside(
        "look-inside",
        &[PYTHON, Program("ss"), Program("curl"), Program("socat")],
    ),
    outside("own-network", &[PYTHON, Program("go"), Program("node")]),
    outside(
        "pcap",
        &[PYTHON, Program("curl"), Program("socat"), Program("tshark")],
    ),
    outside("netem", &[PYTHON, Program("curl"), Program("socat")]),
    outside("doctor", &[]),
];

/// The tests of all scenarios: one for each user and each loopback way.
pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    let natives = Arc::new(Natives::default());
    let mut trials = Vec::new();
    for &scenario in SCENARIOS {
        for user in [User::Root, User::Ordinary(scenario.account)] {
            for loopback in [Loopback::Direct, Loopback::Stack] {
                let name = format!("{}::{user}::{loopback}", scenario.name);
                let mut needs = scenario.needs.to_vec();
                needs.extend([
                    Program("bash"),
                    Program("unshare"),
                    Program("ip"),
                    Program("setpriv"),
                ]);
                needs.push(Namespace);
                needs.extend(user.needs());
                let (stage, natives) = (Arc::clone(stage), Arc::clone(&natives));
                trials.push(trial(name, &needs, move || match scenario.place {
                    Place::Inside => compare(&stage, &natives, scenario, user, loopback),
                    Place::Outside => check(&stage, scenario, user, loopback),
                }));
            }
        }
    }
    trials
}

/// A test that is ignored, with the reason before its name, if the machine lacks something, and fails then if all is
/// required.
pub fn trial(
    name: String,
    needs: &[Need],
    body: impl FnOnce() -> Result<(), Failed> + Send + 'static,
) -> Trial {
    match need::missing(needs) {
        None => Trial::test(name, body),
        Some(reason) => {
            let kind = reason.clone();
            Trial::test(name, move || Err(reason.into()))
                .with_kind(kind)
                .with_ignored_flag(!need::require_all())
        }
    }
}

/// Native outcomes, each made once however many arms are compared with it.
#[derive(Default)]
struct Natives(Mutex<HashMap<(&'static str, User), NativeCell>>);

type NativeCell = Arc<OnceLock<Arc<NativeResult>>>;

type NativeResult = Result<Outcome, String>;

impl Natives {
    fn get(&self, stage: &Stage, scenario: Scenario, user: User) -> Arc<NativeResult> {
        let cell = {
            let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(cells.entry((scenario.name, user)).or_default())
        };
        Arc::clone(cell.get_or_init(|| {
            Arc::new(run(stage, Arm::Native, scenario, user).and_then(|outcome| {
                if outcome.report.code() == Some(0) {
                    Ok(outcome)
                } else {
                    Err(describe("the native run", &outcome))
                }
            }))
        }))
    }
}

fn run(stage: &Stage, arm: Arm, scenario: Scenario, user: User) -> Result<Outcome, String> {
    let place = match scenario.place {
        Place::Inside => "inside",
        Place::Outside => "outside",
    };
    let script = stage
        .path()
        .join(format!("scenarios/{place}/{}.sh", scenario.name))
        .to_string_lossy()
        .into_owned();
    if scenario.needs.contains(&Program("go")) {
        stage.go().map_err(|error| format!("{error:#}"))?;
    }
    if scenario.place == Place::Outside {
        stage.sockeye().map_err(|error| format!("{error:#}"))?;
    }
    let deadline = Duration::from_secs(scenario.seconds);
    arm::run(stage, arm, user, &[script], deadline).map_err(|error| format!("{error:#}"))
}

fn compare(
    stage: &Stage,
    natives: &Natives,
    scenario: Scenario,
    user: User,
    loopback: Loopback,
) -> Result<(), Failed> {
    let native = natives.get(stage, scenario, user);
    let native = native.as_ref().as_ref().map_err(Failed::from)?;
    let ours = run(stage, Arm::Inside(loopback), scenario, user)?;
    clean(&ours)?;
    let expected = expected(&native.stdout, scenario.differences)?;
    if ours.stdout != expected {
        let mut text = String::from("it printed something else than the native run:\n");
        text.push_str(&differences(&expected, &ours.stdout));
        text.push_str(&describe("under sockeye", &ours));
        return Err(text.into());
    }
    Ok(())
}

/// What a run has to print: the native output but for the listed lines, each of which must be in it once.
fn expected(native: &str, differences: &[Difference]) -> Result<String, Failed> {
    let mut lines: Vec<&str> = native.split('\n').collect();
    for difference in differences {
        let mut found = lines.iter_mut().filter(|line| **line == difference.native);
        match (found.next(), found.next()) {
            (Some(line), None) => *line = difference.ours,
            (None, _) => return Err(format!("no native line {:?}", difference.native).into()),
            (Some(_), Some(_)) => {
                return Err(format!("two native lines {:?}", difference.native).into());
            }
        }
    }
    Ok(lines.join("\n"))
}

fn check(stage: &Stage, scenario: Scenario, user: User, loopback: Loopback) -> Result<(), Failed> {
    let outcome = run(stage, Arm::Outside(loopback), scenario, user)?;
    clean(&outcome)
}

/// It ended by itself, well, and left nothing running.
fn clean(outcome: &Outcome) -> Result<(), Failed> {
    if outcome.report.code() == Some(0) && outcome.report.left.is_empty() {
        Ok(())
    } else {
        Err(describe("under sockeye", outcome).into())
    }
}

fn describe(what: &str, outcome: &Outcome) -> String {
    let mut text = match outcome.report.code() {
        Some(code) => format!("{what} ended with {code}\n"),
        None => format!("{what} was not done at the deadline\n"),
    };
    if !outcome.report.left.is_empty() {
        text.push_str("still running:\n");
        for process in &outcome.report.left {
            let _ = writeln!(text, "  {process}");
        }
    }
    let _ = writeln!(text, "--- stdout\n{}", arm::last_lines(&outcome.stdout, 30));
    let _ = writeln!(text, "--- stderr\n{}", outcome.stderr);
    text.push_str(&outcome.logs);
    text
}

/// The lines that differ, position by position: enough to see where two short outputs part.
fn differences(native: &str, ours: &str) -> String {
    let mut text = String::new();
    let (native, ours): (Vec<_>, Vec<_>) = (native.lines().collect(), ours.lines().collect());
    for index in 0..native.len().max(ours.len()) {
        let (left, right) = (native.get(index), ours.get(index));
        if left == right {
            continue;
        }
        if let Some(line) = left {
            let _ = writeln!(text, "  line {}: native  {line}", index + 1);
        }
        if let Some(line) = right {
            let _ = writeln!(text, "  line {}: sockeye {line}", index + 1);
        }
    }
    text
}
