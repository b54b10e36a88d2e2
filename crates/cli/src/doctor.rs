//! `sockeye doctor`: what this machine lacks.

/// Prints what was found; whether programs can be run.
pub(crate) fn run() -> bool {
    let mut able = true;
    for finding in sockeye_run::examine() {
        let mark = match (finding.good, finding.fatal) {
            (true, _) => "ok  ",
            (false, false) => "warn",
            (false, true) => "FAIL",
        };
        println!("{mark}  {}: {}", finding.subject, finding.detail);
        able &= finding.good || !finding.fatal;
    }
    println!(
        "note  a program that installs a seccomp listener of its own gets EBUSY; AF_NETLINK, AF_PACKET and io_uring are refused"
    );
    able
}
