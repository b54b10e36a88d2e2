//! Every call on sockets in every state, each on a socket of its own: what misuse is answered with.

use libc::{
    AF_UNIX, MSG_CONFIRM, MSG_DONTROUTE, MSG_DONTWAIT, MSG_EOR, MSG_ERRQUEUE, MSG_MORE, MSG_OOB,
    MSG_PEEK, MSG_TRUNC, MSG_WAITALL, POLLIN, POLLOUT, SHUT_RD, SHUT_RDWR, SHUT_WR, SOCK_DGRAM,
    SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM, SOL_SOCKET,
};

use super::Registry;
use super::option_table::{
    SO_ACCEPTCONN, SO_DOMAIN, SO_ERROR, SO_LINGER, SO_PASSCRED, SO_PROTOCOL, SO_TYPE,
};
use crate::sockets::Question;
use crate::world::Opt;
use crate::{Address, Control, Flavor, Handle, Message, Reception, World};

/// Makes a socket in a state.
type Make = fn(&mut World<'_>) -> Handle;

pub(super) fn register(r: &mut Registry) {
    for (state, body) in STREAMS {
        r.inet("stream", &format!("every_call_on_{state}"), body);
    }
    for (state, body) in DATAGRAMS {
        r.inet("dgram", &format!("every_call_on_{state}"), body);
    }
    r.inet("raw", "every_call_on_a_new_one", |w| {
        every_call(w, |w| w.socket_of(w.flavor.domain(), SOCK_RAW, 253));
    });
    r.inet("udplite", "every_call_on_a_new_one", |w| {
        every_call(w, |w| w.socket_of(w.flavor.domain(), SOCK_DGRAM, 136));
    });
    r.one("inet", "icmp", "every_call_on_a_new_one", Flavor::V4, |w| {
        every_call(w, |w| {
            w.socket_of(libc::AF_INET, SOCK_RAW, libc::IPPROTO_ICMP)
        });
    });
    r.one(
        "inet6",
        "icmp",
        "every_call_on_a_new_one",
        Flavor::V6,
        |w| {
            every_call(w, |w| {
                w.socket_of(libc::AF_INET6, SOCK_RAW, libc::IPPROTO_ICMPV6)
            });
        },
    );
    r.inet("raw", "every_call_on_a_connected_one", |w| {
        every_call(w, |w| connected_raw(w).0);
    });
    r.inet("raw", "a_packet_in_pieces", raw_more);
    r.inet("raw", "a_dissolved_one_hears_nothing", dissolved_raw);
    r.inet("dgram", "more_and_then_a_mistake", more);
    let kinds = [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET];
    for (state, body) in UNIX {
        r.unix_kinds(&kinds, &format!("every_call_on_{state}"), body);
    }
    r.inet("stream", "options_that_tell_what_a_socket_is", |w| {
        identity(w, SOCK_STREAM);
    });
    r.inet("dgram", "options_that_tell_what_a_socket_is", |w| {
        identity(w, SOCK_DGRAM);
    });
}

type Body = fn(&mut World<'_>);
type OfKind = fn(&mut World<'_>, i32);

/// A state by its name, with the case that makes it.
macro_rules! states {
    ($($name:literal: $make:expr),* $(,)?) => {
        [$(($name, |w| {
            let make: Make = $make;
            every_call(w, make);
        })),*]
    };
}

const STREAMS: [(&str, Body); 15] = states! {
    "a_new_one": |w| w.socket(SOCK_STREAM),
    "a_bound_one": |w| bound(w, SOCK_STREAM),
    "a_listener": |w| w.listener(1).0,
    "a_refused_one": |w| {
        let s = w.socket(SOCK_STREAM);
        let port = w.port("N");
        let nobody = w.loopback(port);
        w.connect(s, &nobody);
        w.wait(s, POLLIN);
        s
    },
    "a_connected_one": |w| w.established().0,
    "one_with_data": |w| with_data(w).0,
    "one_shut_for_reading": |w| shut(w, SHUT_RD),
    "one_shut_for_writing": |w| shut(w, SHUT_WR),
    "one_shut_for_both": |w| shut(w, SHUT_RDWR),
    "one_whose_peer_closed": |w| {
        let (client, server, _) = w.established();
        w.close(server);
        w.wait(client, POLLIN);
        client
    },
    "one_with_data_whose_peer_closed": |w| {
        let (client, server) = with_data(w);
        w.close(server);
        w.settle();
        client
    },
    "a_dissolved_one": |w| {
        let (client, _, _) = w.established();
        w.connect(client, &Address::Unspecified);
        client
    },
    "a_connecting_one": |w| {
        // The listener has all it takes, and answers no more.
        let (_, address) = w.listener(0);
        let first = w.socket(SOCK_STREAM);
        w.connect(first, &address);
        w.wait(first, POLLOUT);
        let s = w.socket(SOCK_STREAM);
        w.connect(s, &address);
        w.settle();
        s
    },
    "a_reset_one": |w| {
        let (client, server) = with_data(w);
        let _ = w.set(server, SO_LINGER, &[1_i32.to_ne_bytes(), [0; 4]].concat());
        w.close(server);
        w.wait(client, libc::POLLERR);
        client
    },
    "one_with_an_urgent_byte": |w| {
        let (client, server, _) = w.established();
        let _ = w.send(server, b"before", 0);
        let _ = w.send(server, b"!", MSG_OOB);
        w.wait(client, libc::POLLPRI);
        client
    },
};

const DATAGRAMS: [(&str, Body); 8] = states! {
    "a_new_one": |w| w.socket(SOCK_DGRAM),
    "a_bound_one": |w| bound(w, SOCK_DGRAM),
    "a_connected_one": connected_datagram,
    "one_with_data": |w| {
        let (left, right, a, _) = w.datagram_pair();
        let _ = w.send_to(right, b"first", &a);
        let _ = w.send_to(right, b"second", &a);
        w.wait(left, POLLIN);
        left
    },
    "a_refused_one": |w| {
        let s = w.socket(SOCK_DGRAM);
        let port = w.port("N");
        let nobody = w.loopback(port);
        w.connect(s, &nobody);
        let _ = w.send(s, b"x", 0);
        w.wait(s, libc::POLLERR);
        s
    },
    "one_shut_for_reading": |w| {
        let s = connected_datagram(w);
        w.shutdown(s, SHUT_RD);
        s
    },
    "one_shut_for_writing": |w| {
        let s = connected_datagram(w);
        w.shutdown(s, SHUT_WR);
        s
    },
    "a_dissolved_one": |w| {
        let s = connected_datagram(w);
        w.connect(s, &Address::Unspecified);
        s
    },
};

const UNIX: [(&str, OfKind); 12] = [
    ("a_new_one", |w, kind| {
        every_call(w, move |w| w.socket_of(AF_UNIX, kind, 0));
    }),
    ("a_bound_one", |w, kind| {
        every_call(w, move |w| {
            let s = w.socket_of(AF_UNIX, kind, 0);
            let _ = w.bind(s, &Address::Unnamed);
            s
        });
    }),
    ("a_listener", |w, kind| {
        every_call(w, move |w| {
            let s = w.socket_of(AF_UNIX, kind, 0);
            let _ = w.bind(s, &Address::Unnamed);
            w.listen(s, 1);
            s
        });
    }),
    ("a_connected_one", |w, kind| {
        every_call(w, move |w| w.pair(AF_UNIX, kind, 0).0);
    }),
    ("a_client_that_waits_to_be_accepted", |w, kind| {
        every_call(w, move |w| unix_waiting(w, kind).1);
    }),
    ("a_listener_with_a_client", |w, kind| {
        every_call(w, move |w| unix_waiting(w, kind).0);
    }),
    ("one_with_rights", |w, kind| {
        every_call(w, move |w| {
            let (a, b) = w.pair(AF_UNIX, kind, 0);
            let rights = Message {
                data: vec![b"first".to_vec()],
                control: vec![Control::Rights(vec![a])],
                ..Message::default()
            };
            let _ = w.send_message(b, &rights);
            let _ = w.send(b, b"second", 0);
            a
        });
    }),
    ("one_that_passes_credentials", |w, kind| {
        every_call(w, move |w| {
            let (a, b) = w.pair(AF_UNIX, kind, 0);
            let _ = w.set_int(a, SO_PASSCRED, 1);
            let _ = w.set_int(b, SO_PASSCRED, 1);
            let _ = w.send(b, b"first", 0);
            let _ = w.send(b, b"", 0);
            a
        });
    }),
    ("one_with_data", |w, kind| {
        every_call(w, move |w| {
            let (a, b) = w.pair(AF_UNIX, kind, 0);
            let _ = w.send(b, b"first", 0);
            let _ = w.send(b, b"second", 0);
            a
        });
    }),
    ("one_shut_for_reading", |w, kind| {
        every_call(w, move |w| unix_shut(w, kind, SHUT_RD));
    }),
    ("one_shut_for_writing", |w, kind| {
        every_call(w, move |w| unix_shut(w, kind, SHUT_WR));
    }),
    ("one_whose_peer_closed", |w, kind| {
        every_call(w, move |w| {
            let (a, b) = w.pair(AF_UNIX, kind, 0);
            let _ = w.send(b, b"first", 0);
            w.close(b);
            a
        });
    }),
];

fn bound(w: &mut World<'_>, kind: i32) -> Handle {
    let s = w.socket(kind);
    let port = w.port("P");
    let address = w.loopback(port);
    let _ = w.bind(s, &address);
    s
}

fn with_data(w: &mut World<'_>) -> (Handle, Handle) {
    let (client, server, _) = w.established();
    let _ = w.send(server, b"first", 0);
    let _ = w.send(server, b"second", 0);
    w.wait(client, POLLIN);
    (client, server)
}

fn shut(w: &mut World<'_>, how: i32) -> Handle {
    let (client, _, _) = w.established();
    w.shutdown(client, how);
    w.settle();
    client
}

fn connected_datagram(w: &mut World<'_>) -> Handle {
    let (left, _, _, b) = w.datagram_pair();
    w.connect(left, &b);
    left
}

fn connected_raw(w: &mut World<'_>) -> (Handle, Address) {
    let s = w.socket_of(w.flavor.domain(), SOCK_RAW, 253);
    let address = w.loopback(0);
    w.connect(s, &address);
    (s, address)
}

fn dissolved_raw(w: &mut World<'_>) {
    let (s, address) = connected_raw(w);
    let other = w.socket_of(w.flavor.domain(), SOCK_RAW, 253);
    for _ in 0..3 {
        let _ = w.send_to(other, b"data", &address);
        w.settle();
        w.poll(s);
        let _ = w.quietly(|w| w.recv(s, 100, 0));
        w.local(s);
        w.connect(s, &Address::Unspecified);
        w.local(s);
        let _ = w.bind(s, &address);
        let _ = w.send_to(other, b"data", &address);
        w.settle();
        w.poll(s);
        w.connect(s, &address);
        let _ = w.bind(s, &address);
        w.local(s);
    }
}

/// A raw packet in pieces: each address is looked at, the first counts.
fn raw_more(w: &mut World<'_>) {
    let (s, address) = connected_raw(w);
    let _ = w.send(s, b"one", MSG_MORE);
    let bad = Message {
        data: vec![b"two".to_vec()],
        address: Some(Address::Raw(vec![99; 28])),
        flags: MSG_MORE,
        ..Message::default()
    };
    let _ = w.send_message(s, &bad);
    let _ = w.send_to(s, b"three", &address);
    w.settle();
    w.poll(s);
    if let Ok(received) = w.quietly(|w| w.recv(s, 100, 0)) {
        let data = received.data;
        let data = data.get(data.len().saturating_sub(8)..).unwrap_or_default();
        w.note(&format!("ends with {}", data.escape_ascii()));
    }
}

/// `MSG_MORE`: the first message alone says where to.
fn more(w: &mut World<'_>) {
    let (left, right, a, b) = w.datagram_pair();
    let to = |address: &Address, data: &[u8], flags| Message {
        data: vec![data.to_vec()],
        address: Some(address.clone()),
        flags,
        ..Message::default()
    };
    let port = w.port("N");
    let nobody = w.loopback(port);
    for address in [&a, &nobody, &Address::Raw(vec![99; 28])] {
        let _ = w.send_message(left, &to(&b, b"one", MSG_MORE));
        let _ = w.send_message(left, &to(address, b"two", MSG_MORE));
        let _ = w.send(left, b"three", MSG_MORE);
        let _ = w.send(left, b"", 0);
        w.settle();
        let _ = w.recv(right, 100, 0);
        let _ = w.recv(left, 100, 0);
    }
    w.note("too long in the end");
    let _ = w.send_message(left, &to(&b, b"one", MSG_MORE));
    let _ = w.send(left, &[0; 65_000], MSG_MORE);
    let _ = w.send(left, &[0; 600], MSG_MORE);
    let _ = w.send(left, b"rest", 0);
    w.settle();
    let _ = w.recv(right, 100, MSG_TRUNC);
    let _ = w.send_message(left, &to(&b, b"anew", 0));
    w.settle();
    let _ = w.recv(right, 100, 0);
}

/// A listener and a client that it has not accepted. Of datagram sockets one that is bound, and one that sends to it.
fn unix_waiting(w: &mut World<'_>, kind: i32) -> (Handle, Handle) {
    let listener = w.socket_of(AF_UNIX, kind, 0);
    let _ = w.bind(listener, &Address::Unnamed);
    let address = w.local(listener);
    w.listen(listener, 1);
    let client = w.socket_of(AF_UNIX, kind, 0);
    w.connect(client, &address);
    let _ = w.send(client, b"first", 0);
    (listener, client)
}

fn unix_shut(w: &mut World<'_>, kind: i32, how: i32) -> Handle {
    let (a, _) = w.pair(AF_UNIX, kind, 0);
    w.shutdown(a, how);
    a
}

/// One call on a fresh socket, and what the socket tells after.
fn on_fresh(
    w: &mut World<'_>,
    make: impl Fn(&mut World<'_>) -> Handle,
    call: &dyn Fn(&mut World<'_>, Handle),
) {
    let s = w.quietly(make);
    call(w, s);
    w.quietly(World::settle);
    w.poll(s);
    w.error(s);
    w.quietly(|w| w.close(s));
}

fn into(length: usize, flags: i32) -> Reception {
    Reception {
        buffers: vec![length],
        control_room: 64,
        flags,
    }
}

fn every_call(w: &mut World<'_>, make: impl Fn(&mut World<'_>) -> Handle + Copy) {
    on_fresh(w, make, &|w, s| {
        w.local(s);
        w.peer(s);
        // What is unsent depends on when the peer acknowledges a FIN, and after a disconnect on nothing.
        for question in [Question::Unread, Question::AtMark] {
            w.ask(s, question);
        }
        for option in [SO_ACCEPTCONN, SO_TYPE, SO_DOMAIN, SO_PROTOCOL] {
            w.get_int(s, option);
        }
    });
    on_fresh(w, make, &|w, s| {
        let (any, loopback) = (w.any(0), w.loopback(0));
        let _ = w.bind(s, &any);
        let _ = w.bind(s, &loopback);
        let _ = w.bind(s, &Address::Unnamed);
    });
    for backlog in [0, 1, -1] {
        on_fresh(w, make, &|w, s| w.listen(s, backlog));
    }
    on_fresh(w, make, &|w, s| {
        let _ = w.accept(s);
    });
    on_fresh(w, make, &|w, s| {
        w.connect(s, &Address::Unspecified);
        w.local(s);
        w.peer(s);
        w.connect(s, &Address::Unspecified);
    });
    for how in [SHUT_RD, SHUT_WR, SHUT_RDWR, 3, -1] {
        on_fresh(w, make, &|w, s| {
            w.shutdown(s, how);
            w.shutdown(s, how);
            let _ = w.recv(s, 10, 0);
            let _ = w.send(s, b"x", 0);
        });
    }
    send_flags(w, make);
    receive_flags(w, make);
}

fn send_flags(w: &mut World<'_>, make: impl Fn(&mut World<'_>) -> Handle + Copy) {
    for flags in [
        0,
        MSG_OOB,
        MSG_PEEK,
        MSG_DONTROUTE,
        MSG_TRUNC,
        MSG_EOR,
        MSG_WAITALL,
        MSG_CONFIRM,
        MSG_ERRQUEUE,
        MSG_MORE,
        MSG_OOB | MSG_MORE,
        MSG_DONTWAIT,
    ] {
        on_fresh(w, make, &|w, s| {
            let _ = w.send(s, b"data", flags);
            let _ = w.send(s, b"", flags);
            let nothing = Message {
                flags,
                ..Message::default()
            };
            let _ = w.send_message(s, &nothing);
        });
    }
}

fn receive_flags(w: &mut World<'_>, make: impl Fn(&mut World<'_>) -> Handle + Copy) {
    for flags in [
        0,
        MSG_OOB,
        MSG_PEEK,
        MSG_DONTROUTE,
        MSG_TRUNC,
        MSG_PEEK | MSG_TRUNC,
        MSG_EOR,
        MSG_WAITALL,
        MSG_WAITALL | MSG_PEEK,
        MSG_CONFIRM,
        MSG_ERRQUEUE,
        MSG_ERRQUEUE | MSG_PEEK,
        MSG_MORE,
        MSG_OOB | MSG_PEEK,
    ] {
        on_fresh(w, make, &|w, s| {
            for length in [0, 3, 100] {
                let _ = w.receive_message(s, &into(length, flags));
            }
        });
    }
}

/// What can't be set, with every length; and what is asked for with none.
fn identity(w: &mut World<'_>, kind: i32) {
    let s = w.socket(kind);
    for option in [SO_TYPE, SO_DOMAIN, SO_PROTOCOL, SO_ACCEPTCONN, SO_ERROR] {
        for length in [0, 1, 3, 4, 8] {
            let _ = w.set(s, option, &vec![1; length]);
            w.get(s, option, length);
        }
        // The length is an int.
        for length in [0x8000_0000_usize, 0xffff_ffff] {
            w.get(s, option, length);
        }
    }
    w.note("levels and names that are negative");
    for (level, number) in [(SOL_SOCKET, -1), (-1, 3), (i32::MIN, i32::MIN)] {
        let option = Opt {
            name: "NEGATIVE",
            level,
            number,
        };
        let _ = w.set_int(s, option, 1);
        w.get_int(s, option);
    }
    w.wait(s, POLLOUT);
}
