//! `AF_UNIX` names: abstract, autobind, paths.

use libc::{AF_UNIX, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM};

use super::Registry;
use super::option_table::{SO_PASSCRED, SO_REUSEADDR};
use crate::{Address, World};

const ALL: [i32; 3] = [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET];

pub(super) fn register(r: &mut Registry) {
    r.unix_kinds(&ALL, "abstract_names_are_exclusive", exclusive);
    r.unix_kinds(&ALL, "abstract_names_are_bytes", bytes);
    r.unix_kinds(&ALL, "abstract_names_are_free_after_close", freed);
    r.unix_kinds(&ALL, "autobind", autobind);
    r.unix_kinds(&ALL, "passcred_binds_by_itself", passcred_binds);
    r.unix_kinds(&ALL, "paths", paths);
    r.unix_kinds(&ALL, "a_path_stays_after_close", path_stays);
    r.unix_kinds(&ALL, "names_are_one_space_for_all_types", one_space);
}

fn exclusive(w: &mut World<'_>, kind: i32) {
    let name = Address::Abstract(b"name".to_vec());
    let (a, b) = (w.socket_of(AF_UNIX, kind, 0), w.socket_of(AF_UNIX, kind, 0));
    let _ = w.bind(a, &name);
    let _ = w.set_int(b, SO_REUSEADDR, 1);
    let _ = w.bind(b, &name);
    w.local(a);
    w.local(b);
    let _ = w.bind(b, &Address::Abstract(b"name\0".to_vec()));
    w.local(b);
}

fn bytes(w: &mut World<'_>, kind: i32) {
    for name in [
        &b"\0"[..],
        b"\0\0",
        b"a\0b",
        b"\xff\x80",
        b"/slash",
        &[b'l'; 107],
    ] {
        let s = w.socket_of(AF_UNIX, kind, 0);
        let _ = w.bind(s, &Address::Abstract(name.to_vec()));
        w.local(s);
    }
    w.note("108 bytes are one too many");
    let s = w.socket_of(AF_UNIX, kind, 0);
    let _ = w.bind(s, &Address::Abstract(vec![b'l'; 108]));
}

fn freed(w: &mut World<'_>, kind: i32) {
    let name = Address::Abstract(b"name".to_vec());
    let a = w.socket_of(AF_UNIX, kind, 0);
    let _ = w.bind(a, &name);
    w.close(a);
    let b = w.socket_of(AF_UNIX, kind, 0);
    let _ = w.bind(b, &name);
}

fn autobind(w: &mut World<'_>, kind: i32) {
    let a = w.socket_of(AF_UNIX, kind, 0);
    let _ = w.bind(a, &Address::Unnamed);
    w.local(a);
    let _ = w.bind(a, &Address::Unnamed);
    w.local(a);
    let _ = w.bind(a, &Address::Abstract(b"other".to_vec()));
    let b = w.socket_of(AF_UNIX, kind, 0);
    let _ = w.bind(b, &Address::Unnamed);
    w.local(b);
}

fn passcred_binds(w: &mut World<'_>, kind: i32) {
    let name = Address::Abstract(b"server".to_vec());
    let server = w.socket_of(AF_UNIX, kind, 0);
    let _ = w.bind(server, &name);
    if kind != SOCK_DGRAM {
        w.listen(server, 1);
    }
    let client = w.socket_of(AF_UNIX, kind, 0);
    let _ = w.set_int(client, SO_PASSCRED, 1);
    w.connect(client, &name);
    w.local(client);
}

fn paths(w: &mut World<'_>, kind: i32) {
    let path = Address::Path("here".to_owned());
    let server = w.socket_of(AF_UNIX, kind, 0);
    let _ = w.bind(server, &path);
    w.local(server);
    let second = w.socket_of(AF_UNIX, kind, 0);
    let _ = w.bind(second, &path);
    w.note("without a final zero it is the same path");
    if kind != SOCK_DGRAM {
        w.listen(server, 2);
    }
    let client = w.socket_of(AF_UNIX, kind, 0);
    w.connect(client, &path);
    w.peer(client);
    w.local(client);
    let _ = w.send(client, b"hello", 0);
    let receiver = if kind == SOCK_DGRAM {
        server
    } else {
        w.accept(server)
    };
    let _ = w.recv(receiver, 10, 0);
    w.local(receiver);
}

fn path_stays(w: &mut World<'_>, kind: i32) {
    let path = Address::Path("stays".to_owned());
    let server = w.socket_of(AF_UNIX, kind, 0);
    let _ = w.bind(server, &path);
    w.close(server);
    let client = w.socket_of(AF_UNIX, kind, 0);
    w.connect(client, &path);
    let again = w.socket_of(AF_UNIX, kind, 0);
    let _ = w.bind(again, &path);
}

fn one_space(w: &mut World<'_>, kind: i32) {
    let name = Address::Abstract(b"name".to_vec());
    let a = w.socket_of(AF_UNIX, kind, 0);
    let _ = w.bind(a, &name);
    if kind != SOCK_DGRAM {
        w.listen(a, 1);
    }
    for other in ALL {
        let s = w.socket_of(AF_UNIX, other, 0);
        let _ = w.bind(s, &name);
        w.connect(s, &name);
        w.close(s);
    }
}
