//! What `sockeye run` does with a program's beginning and end, with nothing but a shell.
#![allow(
    clippy::disallowed_methods,
    reason = "real processes run by the machine's clock"
)]

use std::io::Read;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn sockeye() -> Command {
    Command::new(env!("CARGO_BIN_EXE_sockeye"))
}

fn run(script: &str) -> Output {
    sockeye()
        .args(["run", "--", "sh", "-c", script])
        .output()
        .expect("the command under test starts")
}

fn code(script: &str) -> Option<i32> {
    run(script).status.code()
}

/// Waits for the end, at most long enough for a slow machine.
fn end_of(child: &mut Child) -> Option<i32> {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(30) {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the run does not end");
}

/// Starts a script and waits until it has printed its first line.
fn start(script: &str) -> (Child, String) {
    let mut child = sockeye()
        .args(["run", "--", "sh", "-c", script])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command under test starts");
    let mut line = Vec::new();
    let mut byte = [0];
    let out = child.stdout.as_mut().expect("its output is a pipe");
    while out.read(&mut byte).is_ok_and(|read| read == 1) && byte != [b'\n'] {
        line.push(byte[0]);
    }
    (
        child,
        String::from_utf8(line).expect("the script prints text"),
    )
}

fn kill(pid: &str, signal: &str) {
    let status = Command::new("kill").args([signal, pid]).status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "kill {signal} {pid}"
    );
}

fn lives(pid: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state
        .rsplit(')')
        .next()
        .is_some_and(|rest| !rest.trim_start().is_empty() && !rest.trim_start().starts_with('Z'))
}

#[test]
fn the_programs_exit_code_is_the_runs() {
    assert_eq!(code("exit 0"), Some(0));
    assert_eq!(code("exit 42"), Some(42));
    assert_eq!(code("kill -TERM $$"), Some(128 + 15));
}

#[test]
fn a_program_that_cannot_be_run_answers_as_a_shell() {
    let missing = sockeye()
        .args(["run", "--", "./no-such-program"])
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(127));
    let refused = sockeye()
        .args(["run", "--", "/etc/passwd"])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(126));
    assert!(!refused.stderr.is_empty());
}

#[test]
fn streams_and_the_working_directory_pass_through() {
    let output = run("pwd; echo out; echo err >&2");
    let here = std::env::current_dir().unwrap();
    assert_eq!(
        output.stdout,
        format!("{}\nout\n", here.display()).into_bytes()
    );
    assert_eq!(output.stderr, b"err\n");
}

#[test]
fn a_signal_to_the_run_reaches_the_program() {
    let (mut child, _) = start("trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done");
    kill(&child.id().to_string(), "-TERM");
    assert_eq!(end_of(&mut child), Some(7));
}

#[test]
fn what_outlives_the_first_process_is_ended() {
    let (mut child, pid) = start("sleep 1000 >/dev/null & echo $!; sleep 0.2; exit 3");
    assert_eq!(end_of(&mut child), Some(3));
    assert!(!lives(&pid), "{pid} is still there");
}

#[test]
fn a_killed_supervisor_takes_the_run_with_it() {
    // The program's parent is the supervisor.
    let (mut child, line) = start("echo $PPID $$; sleep 1000");
    let (supervisor, program) = line.split_once(' ').unwrap();
    kill(supervisor, "-KILL");
    assert_eq!(end_of(&mut child), Some(125));
    assert!(!lives(program), "{program} is still there");
}

#[test]
fn a_killed_guardian_takes_the_run_with_it() {
    let (mut child, line) = start("echo $PPID $$; sleep 1000");
    let (supervisor, program) = line.split_once(' ').unwrap();
    child.kill().unwrap();
    end_of(&mut child);
    let began = Instant::now();
    while lives(supervisor) || lives(program) {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "the run is still there"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_reader_that_stops_reading_is_no_failure() {
    for arguments in [&["ps"][..], &["ss", "-a"], &["ps", "--json"], &["doctor"]] {
        let mut child = sockeye()
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(complaint.is_empty(), "{arguments:?}: {complaint}");
    }
}
