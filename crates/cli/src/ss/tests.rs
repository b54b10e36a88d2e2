//! The table beside what iproute2 prints for the same sockets.

use clap::Parser;
use sockeye_run::report::HolderReport;

use super::*;
use crate::arguments::{Arguments, Command};

fn arguments(line: &str) -> Ss {
    let words = ["sockeye", "ss"].into_iter().chain(line.split_whitespace());
    match Arguments::try_parse_from(words).unwrap().command {
        Command::Ss(ss) => ss,
        other => panic!("expected ss, found {other:?}"),
    }
}

fn inet(address: &str, port: u16) -> EndReport {
    EndReport::Inet { address: address.parse().unwrap(), port }
}

fn listener() -> SocketReport {
    SocketReport {
        netid: NetId::Tcp,
        state: "LISTEN".into(),
        recv_q: 0,
        send_q: 511,
        local: inet("0.0.0.0", 80),
        peer: inet("0.0.0.0", 0),
        uid: 0,
        inode: 41,
        holders: vec![HolderReport { program: "nginx".into(), pid: 12, fd: 6 }],
        joined: false,
        memory: None,
        tcp: None,
    }
}

fn connection() -> SocketReport {
    SocketReport {
        state: "ESTAB".into(),
        send_q: 0,
        local: inet("::1", 80),
        peer: inet("::1", 40_000),
        ..listener()
    }
}

fn printed(line: &str) -> String {
    let arguments = arguments(line);
    let mut sockets = vec![listener(), connection()];
    sockets.retain(|socket| is_wanted(&arguments, socket));
    table(&arguments, &sockets, &Services::parse("http 80/tcp www # the web\n")).to_string()
}

#[test]
fn without_a_kind_there_is_a_column_for_it() {
    assert_eq!(
        printed("-a"),
        "Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n\
         tcp   LISTEN 0      511          0.0.0.0:http 0.0.0.0:*\n\
         tcp   ESTAB  0      0              [::1]:http [::1]:40000\n"
    );
}

#[test]
fn one_kind_has_none_and_listening_shows_only_listeners() {
    assert_eq!(
        printed("-tlnp"),
        "State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n\
         LISTEN 0      511            0.0.0.0:http 0.0.0.0:*         users:((\"nginx\",pid=12,fd=6))\n"
    );
}

#[test]
fn neither_all_nor_listening_shows_what_is_connected() {
    assert_eq!(printed("-tH").lines().count(), 1);
    assert!(printed("-tH").starts_with("ESTAB"));
    assert_eq!(printed("-uaH"), "");
}

#[test]
fn memory_follows_its_socket_on_a_line_of_its_own() {
    let memory = MemoryReport { rmem_alloc: 1, rcv_buf: 131_072, wmem_alloc: 2, snd_buf: 16_384, drops: 3 };
    let sockets = [SocketReport { memory: Some(memory), ..connection() }];
    let text = table(&arguments("-tnmH"), &sockets, &Services::none()).to_string();
    assert!(text.ends_with("\n\t skmem:(r1,rb131072,t2,tb16384,f0,w2,o0,bl0,d3)\n"), "{text}");
}
