//! CPython's own suites: what passes natively must pass under `sockeye run`, or be listed with its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::{Failed, Trial};
use serde::Deserialize;

use crate::arm::{self, Arm, Loopback, User};
use crate::need::Need;
use crate::scenario::trial;
use crate::stage::Stage;

/// The modules of the suite.
const MODULES: [&str; 10] = [
    "test_asyncio",
    "test_ssl",
    "test_socket",
    "test_selectors",
    "test_poll",
    "test_httpservers",
    "test_httplib",
    "test_socketserver",
    "test_select",
    "test_epoll",
];

/// Of the tests that pass natively, so many of a hundred must pass.
const PERCENT: usize = 97;

/// For one module; the longest takes about two minutes natively.
const DEADLINE: Duration = Duration::from_secs(480);

const USER: User = User::Ordinary("nobody");

/// The tests: one for each loopback way.
pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    let natives: Arc<[OnceLock<Outcomes>; MODULES.len()]> = Arc::default();
    let mut needs = vec![
        Need::Path("/usr/bin/python3.11"),
        Need::Path("/usr/lib/python3.11/test/test_socket.py"),
        Need::Program("unshare"),
        Need::Program("ip"),
        Need::Program("setpriv"),
        Need::Namespace,
    ];
    needs.extend(USER.needs());
    [Loopback::Direct, Loopback::Stack]
        .into_iter()
        .map(|loopback| {
            let (stage, natives) = (Arc::clone(stage), Arc::clone(&natives));
            trial(format!("cpython::user::{loopback}"), &needs, move || {
                compare(&stage, natives.as_slice(), loopback)
            })
        })
        .collect()
}

/// A module's tests by name, or why there are none.
type Outcomes = Result<BTreeMap<String, Outcome>, String>;

#[derive(Clone, Debug)]
struct Outcome {
    passed: bool,
    text: String,
}

fn compare(
    stage: &Stage,
    natives: &[OnceLock<Outcomes>],
    loopback: Loopback,
) -> Result<(), Failed> {
    let expected = Expected::read(loopback)?;
    let mut order: Vec<usize> = (0..MODULES.len()).collect();
    if loopback == Loopback::Stack {
        // From the other end, so that the two tests share the native runs instead of waiting for the same one.
        order.reverse();
    }
    let mut report = String::new();
    let (mut counted, mut passed) = (0_usize, 0_usize);
    let mut known = BTreeSet::new();
    let mut bad = false;
    for index in order {
        let module = MODULES[index];
        let began = std::time::Instant::now();
        let ours = results(stage, Arm::Inside(loopback), module)?;
        let native = natives[index]
            .get_or_init(|| results(stage, Arm::Native, module))
            .as_ref()
            .map_err(Failed::from)?;
        let (mut module_counted, mut module_passed) = (0_usize, 0_usize);
        for name in native
            .iter()
            .filter(|(_, outcome)| outcome.passed)
            .map(|(name, _)| name)
        {
            known.insert(name.clone());
            module_counted += 1;
            let outcome = ours.get(name);
            let listed = expected.0.get(name);
            if outcome.is_some_and(|outcome| outcome.passed) {
                module_passed += 1;
                if listed.is_some_and(|entry| !entry.sometimes) {
                    bad = true;
                    let _ = writeln!(report, "{name} passes, but is listed as failing");
                }
            } else if listed.is_none() {
                bad = true;
                let text = outcome.map_or("it did not run", |outcome| &outcome.text);
                let _ = writeln!(
                    report,
                    "{name} passes natively only:\n{}",
                    arm::last_lines(text, 12)
                );
            }
        }
        let seconds = began.elapsed().as_secs();
        eprintln!(
            "cpython {loopback}: {module}: {module_passed} of {module_counted} in {seconds} s"
        );
        counted += module_counted;
        passed += module_passed;
    }
    let always = expected.0.values().filter(|entry| !entry.sometimes);
    for name in always
        .map(|entry| &entry.name)
        .filter(|name| !known.contains(*name))
    {
        bad = true;
        let _ = writeln!(report, "{name} is listed, but does not pass natively");
    }
    let _ = writeln!(
        report,
        "{passed} of {counted} tests that pass natively pass"
    );
    if bad || counted == 0 || passed * 100 < counted * PERCENT {
        return Err(report.into());
    }
    Ok(())
}

/// Runs a module; what did not pass gets a second try in a process of its own, because many of these tests measure time.
fn results(stage: &Stage, arm: Arm, module: &str) -> Outcomes {
    let mut outcomes = run(stage, arm, module, None).map_err(|error| format!("{error:#}"))?;
    let again: Vec<&str> = outcomes
        .iter()
        .filter(|(_, outcome)| !outcome.passed && !outcome.text.starts_with("skip"))
        .map(|(name, _)| name.as_str())
        .collect();
    if again.is_empty() {
        return Ok(outcomes);
    }
    let list = again.join("\n");
    let second = run(stage, arm, module, Some(&list)).map_err(|error| format!("{error:#}"))?;
    outcomes.extend(second.into_iter().filter(|(_, outcome)| outcome.passed));
    Ok(outcomes)
}

fn run(
    stage: &Stage,
    arm: Arm,
    module: &str,
    only: Option<&str>,
) -> Result<BTreeMap<String, Outcome>> {
    let script = stage.path().join("scenarios/cpython.sh");
    let mut words = vec![script.to_string_lossy().into_owned(), module.to_owned()];
    let lists = stage.folder_for(None)?;
    if let Some(only) = only {
        let list = lists.path().join("tests");
        std::fs::write(&list, only)?;
        words.push(list.to_string_lossy().into_owned());
    }
    let outcome = arm::run(stage, arm, USER, &words, DEADLINE)?;
    ensure!(
        outcome.report.code() == Some(0),
        "{module} in {arm:?} ended with {:?}\n{}\n{}\n{}",
        outcome.report.code(),
        outcome.report.left.join("\n"),
        outcome.stderr,
        outcome.logs
    );
    parse(&outcome.stdout).with_context(|| format!("the results of {module}"))
}

#[derive(Deserialize)]
struct Line {
    test: String,
    outcome: String,
    detail: String,
}

fn parse(text: &str) -> Result<BTreeMap<String, Outcome>> {
    let mut outcomes = BTreeMap::new();
    for line in text.lines() {
        let line: Line = serde_json::from_str(line)?;
        if line.outcome == "begin" || line.outcome == "end" {
            continue;
        }
        let outcome = Outcome {
            passed: line.outcome == "pass",
            text: format!("{}: {}", line.outcome, line.detail),
        };
        outcomes.insert(line.test, outcome);
    }
    Ok(outcomes)
}

/// The list of tests that are known to fail.
struct Expected(BTreeMap<String, Entry>);

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    test: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    #[serde(default)]
    ways: Vec<String>,
    #[serde(default)]
    sometimes: bool,
    reason: String,
}

impl Expected {
    fn read(loopback: Loopback) -> Result<Expected, String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("cpython-expected.toml");
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let list: List = toml::from_str(&text).map_err(|error| error.to_string())?;
        let mut entries = BTreeMap::new();
        for entry in list.test {
            if entry.reason.trim().is_empty() {
                return Err(format!("{} is listed without a reason", entry.name));
            }
            let way = loopback.to_string();
            if entry.ways.is_empty() || entry.ways.contains(&way) {
                entries.insert(entry.name.clone(), entry);
            }
        }
        Ok(Expected(entries))
    }
}
