//! Connections on which nothing comes.

use std::time::Duration;

use sockeye_interop::{Lab, Who};

use super::{ESTABLISHED, Feature, same, sure};

pub(super) const FEATURES: &[Feature] = &[
    Feature::new("keepalive", keepalive),
    Feature::new("user-timeout", user_timeout),
];

/// Asked after a second, the other side answers, until it is gone.
fn keepalive(lab: &mut Lab, here: Who) -> Result<(), String> {
    let [socket, other] = lab.connect(here)?;
    for (level, name, value) in [
        (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, 1),
        (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, 1),
        (libc::IPPROTO_TCP, libc::TCP_KEEPCNT, 1),
        (libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1),
    ] {
        lab.set(&socket, level, name, value)?;
    }
    lab.await_counter(here, "TcpExtTCPKeepAlive", 1)?;
    lab.pause(Duration::from_millis(20))?;
    same("state", &lab.info(&socket)?.state(), &ESTABLISHED)?;
    same("the other's", &lab.info(&other)?.state(), &ESTABLISHED)?;
    lab.is_cut = true;
    let answer = lab.receive(&socket, 1)?;
    same("error", &answer, &Err(libc::ETIMEDOUT))
}

/// RFC 5482
fn user_timeout(lab: &mut Lab, here: Who) -> Result<(), String> {
    let [socket, _other] = lab.connect(here)?;
    lab.set(&socket, libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, 700)?;
    lab.is_cut = true;
    let began = lab.now();
    lab.send(&socket, b"into the void")?;
    let answer = lab.receive(&socket, 1)?;
    same("error", &answer, &Err(libc::ETIMEDOUT))?;
    let took = lab.now() - began;
    sure(
        took >= Duration::from_millis(700),
        format!("given up after {took:?}"),
    )
}
