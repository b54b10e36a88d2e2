//! `sockeye doctor`: what this machine lacks.

use crate::output::print;

/// Prints what was found; whether programs can be run.
pub(crate) fn run() -> anyhow::Result<bool> {
    let mut able = true;
    for finding in sockeye_run::examine() {
        let mark = match (finding.good, finding.fatal) {
            (true, _) => "ok  ",
            (false, false) => "warn",
            (false, true) => "FAIL",
        };
        print(format_args!(
            "{mark}  {}: {}\n",
            finding.subject, finding.detail
        ))?;
        able &= finding.good || !finding.fatal;
    }
    print(
        "note  a program that installs a seccomp listener of its own gets EBUSY; AF_PACKET, the AF_NETLINK protocols but NETLINK_ROUTE and NETLINK_SOCK_DIAG, and io_uring are refused\n",
    )?;
    Ok(able)
}
