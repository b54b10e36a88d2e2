//! The table beside what iproute2 prints for the same sockets.

use super::*;
use crate::arguments::{Arguments, Command};
use clap::Parser;

fn options(line: &str) -> Ss {
    let words = ["sockeye", "ss"].into_iter().chain(line.split_whitespace());
    match Arguments::try_parse_from(words).unwrap().command {
        Command::Ss(ss) => ss,
        other => panic!("expected ss, found {other:?}"),
    }
}

fn listener() -> Socket {
    Socket {
        netid: "tcp".into(),
        state: "LISTEN".into(),
        recv_q: 0,
        send_q: 511,
        local: "0.0.0.0:80".into(),
        peer: "0.0.0.0:*".into(),
        v6: false,
        joined: false,
        processes: vec![
            Process {
                name: "nginx".into(),
                pid: 12,
                fd: 6,
            },
            Process {
                name: "nginx".into(),
                pid: 13,
                fd: 6,
            },
        ],
        file: 2,
        uid: 0,
        cookie: 1,
        timer: Some("timer:(keepalive,119min,0)".into()),
        info: vec!["cubic".into(), "send 2000000bps".into()],
        memory: "skmem:(r0)".into(),
    }
}

fn connection() -> Socket {
    let (local, peer) = ("[::1]:80".into(), "[::1]:40000".into());
    Socket {
        state: "ESTAB".into(),
        send_q: 0,
        local,
        peer,
        v6: true,
        ..listener()
    }
}

fn printed(line: &str) -> String {
    let options = options(line);
    let mut run = Run {
        name: "web".into(),
        supervisor: 1,
        pid: 2,
        command: vec!["nginx".into()],
        loopback: "direct".into(),
        seconds: 0,
        published: Vec::new(),
        displaced_clients: 0,
        abstract_prefix: String::new(),
        files: Vec::new(),
        sockets: vec![listener(), connection()],
    };
    run.sockets.retain(|socket| is_wanted(&options, socket));
    let services = Services::parse("http 80/tcp www # the web\n");
    let services = if options.numeric {
        Services::none()
    } else {
        services
    };
    table(&options, &[run], &services).to_string()
}

#[test]
fn without_a_kind_there_is_a_column_for_it() {
    assert_eq!(
        printed("-a"),
        "Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n\
         tcp   LISTEN 0      511    0.0.0.0:http       0.0.0.0:*\n\
         tcp   ESTAB  0      0      [::1]:http         [::1]:40000\n"
    );
}

#[test]
fn one_kind_has_none_and_listening_shows_only_listeners() {
    assert_eq!(
        printed("-tlnp"),
        "State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n\
         LISTEN 0      511    0.0.0.0:80         0.0.0.0:*         users:((\"nginx\",pid=12,fd=6),(\"nginx\",pid=13,fd=6))\n"
    );
}

#[test]
fn neither_all_nor_listening_shows_what_is_connected() {
    assert_eq!(printed("-tn").lines().count(), 2);
    assert!(printed("-tn").contains("ESTAB"));
    assert_eq!(printed("-ua").lines().count(), 1);
}

#[test]
fn what_tcp_knows_and_memory_follow_on_a_line_of_their_own() {
    assert!(printed("-tnmi").ends_with("\n\t skmem:(r0) cubic send 2000000bps\n"));
    assert!(printed("-ti").ends_with("\n\t cubic send 2.0Mbps\n"));
}

#[test]
fn the_timer_and_the_cookie_are_told_on_demand() {
    assert!(printed("-tnoe").ends_with(" timer:(keepalive,119min,0) sk:1 <->\n"));
    assert!(!printed("-tn").contains("timer"));
}
