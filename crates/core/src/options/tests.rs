//! Options round trip, and misuse answers what Linux 6.18 answered.

use alloc::vec::Vec;

use super::table::{Access, Scope};
use super::{Standing, compat, entries};
use crate::{Config, Credentials, Domain, Errno, Host, Instant, SocketId, SocketType};

const NOW: Instant = Instant::ZERO;
const USER: Credentials = Credentials {
    pid: 7,
    uid: 1000,
    gid: 1000,
};

fn kinds() -> [(Scope, Domain, SocketType, i32); 10] {
    use SocketType::{Datagram, Raw, Stream};
    [
        (Scope::TCP4, Domain::Inet, Stream, 0),
        (Scope::TCP6, Domain::Inet6, Stream, 0),
        (Scope::UDP4, Domain::Inet, Datagram, 0),
        (Scope::UDP6, Domain::Inet6, Datagram, 0),
        (Scope::RAW4, Domain::Inet, Raw, 1),
        (Scope::RAW6, Domain::Inet6, Raw, 58),
        (Scope::PING4, Domain::Inet, Datagram, 1),
        (Scope::PING6, Domain::Inet6, Datagram, 58),
        (Scope::UNIX, Domain::Unix, Stream, 0),
        (Scope::NETLINK, Domain::Netlink, Raw, 0),
    ]
}

fn host() -> Host {
    let mut config = Config::default();
    config.sysctl.wmem_max = 4 << 20;
    config.sysctl.rmem_max = 4 << 20;
    Host::new(config)
}

fn socket(host: &mut Host, kind: Scope) -> SocketId {
    let (_, domain, kind, protocol) = kinds()
        .into_iter()
        .find(|(scope, ..)| *scope == kind)
        .unwrap();
    host.socket(domain, kind, protocol, Credentials::ROOT)
        .unwrap()
}

fn get(host: &mut Host, id: SocketId, level: i32, name: i32) -> Result<i32, Errno> {
    let value = host.get_option(id, level, name, 4, NOW)?;
    Ok(i32::from_ne_bytes(value[..].try_into().unwrap()))
}

/// What is read after each of the values is set on a new socket.
fn after(kind: Scope, level: i32, name: i32, values: &[i32]) -> Vec<Result<i32, Errno>> {
    let answer = |value: &i32| {
        let mut host = host();
        let id = socket(&mut host, kind);
        host.set_option(id, level, name, &value.to_ne_bytes(), NOW)?;
        get(&mut host, id, level, name)
    };
    values.iter().map(answer).collect()
}

type Answers = [Result<i32, Errno>; 5];

const VALUES: [i32; 5] = [1, 0, -1, 7, 1000];
const EINVAL: Result<i32, Errno> = Err(Errno::EINVAL);

#[test]
fn integers_are_taken_and_clamped_as_linux_does() {
    let sockets = [(Scope::TCP4, Scope::UDP4), (Scope::TCP6, Scope::UDP6)];
    for (tcp, udp) in sockets {
        let cases: &[(Scope, i32, i32, Answers)] = &[
            (udp, 1, 2, [Ok(1), Ok(0), Ok(1), Ok(1), Ok(1)]),
            (
                udp,
                1,
                7,
                [Ok(4608), Ok(4608), Ok(8 << 20), Ok(4608), Ok(4608)],
            ),
            (
                udp,
                1,
                8,
                [Ok(2304), Ok(2304), Ok(8 << 20), Ok(2304), Ok(2304)],
            ),
            (udp, 1, 12, [Ok(1), Ok(0), Ok(-1), Ok(7), Ok(1000)]),
            (udp, 1, 18, [Ok(1), Ok(1), Ok(i32::MAX), Ok(7), Ok(1000)]),
            (tcp, 1, 18, [Ok(1), Ok(1), Ok(16 << 20), Ok(7), Ok(1000)]),
            (udp, 1, 46, [Ok(1), Ok(0), EINVAL, Ok(7), Ok(1000)]),
            (udp, 1, 72, [Ok(1), Ok(0), EINVAL, EINVAL, EINVAL]),
            (tcp, 0, 1, [Ok(0), Ok(0), Ok(0xfc), Ok(4), Ok(0xe8)]),
            (udp, 0, 1, [Ok(1), Ok(0), Ok(0xff), Ok(7), Ok(0xe8)]),
            (tcp, 0, 2, [Ok(1), EINVAL, Ok(64), Ok(7), EINVAL]),
            (udp, 0, 10, [Ok(1), Ok(0), EINVAL, EINVAL, EINVAL]),
            (tcp, 0, 33, [EINVAL; 5]),
            (udp, 0, 33, [Ok(1), Ok(0), Ok(1), Ok(7), EINVAL]),
            (tcp, 6, 1, [Ok(1), Ok(0), Ok(1), Ok(1), Ok(1)]),
            (tcp, 6, 2, [EINVAL, Ok(536), EINVAL, EINVAL, Ok(1000)]),
            (tcp, 6, 4, [Ok(1), EINVAL, EINVAL, Ok(7), Ok(1000)]),
            (tcp, 6, 5, [Ok(1), EINVAL, EINVAL, Ok(7), Ok(1000)]),
            (tcp, 6, 6, [Ok(1), EINVAL, EINVAL, Ok(7), EINVAL]),
            (tcp, 6, 7, [Ok(1), EINVAL, EINVAL, Ok(7), EINVAL]),
            (tcp, 6, 8, [Ok(1), Ok(60), Ok(-1), Ok(7), Ok(120)]),
            (tcp, 6, 9, [Ok(1), Ok(0), Ok(0), Ok(7), Ok(1087)]),
            (tcp, 6, 10, [Ok(1152), Ok(0), Ok(1152), Ok(1152), Ok(1152)]),
            (tcp, 6, 18, [Ok(1), Ok(0), EINVAL, Ok(7), Ok(1000)]),
            (tcp, 6, 25, [Ok(1), Ok(0), Ok(-1), Ok(7), Ok(1000)]),
            (udp, 17, 103, [Ok(1), Ok(0), EINVAL, Ok(7), Ok(1000)]),
            (udp, 17, 1000, [Err(Errno::ENOPROTOOPT); 5]),
            (tcp, 17, 103, [Err(Errno::ENOPROTOOPT); 5]),
        ];
        for (kind, level, name, answers) in cases {
            assert_eq!(
                after(*kind, *level, *name, &VALUES),
                answers,
                "{kind:?} {level} {name}"
            );
        }
    }
}

#[test]
fn ipv6_integers_are_taken_as_linux_does() {
    let cases: &[(Scope, i32, Answers)] = &[
        (Scope::TCP6, 16, [Ok(1), Ok(0), Ok(64), Ok(7), EINVAL]),
        (Scope::UDP6, 18, [Ok(1), Ok(0), Ok(1), Ok(7), EINVAL]),
        (Scope::UDP6, 23, [Ok(1), Ok(0), EINVAL, EINVAL, EINVAL]),
        (Scope::UDP6, 26, [Ok(1), Ok(0), Ok(1), Ok(1), Ok(1)]),
        (Scope::RAW6, 26, [EINVAL; 5]),
        (Scope::UDP6, 67, [Ok(1), Ok(0), Ok(0), Ok(7), EINVAL]),
        (Scope::TCP6, 67, [Ok(0), Ok(0), Ok(0), Ok(4), EINVAL]),
        (Scope::UDP4, 26, [Err(Errno::ENOPROTOOPT); 5]),
    ];
    for (kind, name, answers) in cases {
        assert_eq!(after(*kind, 41, *name, &VALUES), answers, "{kind:?} {name}");
    }
}

#[test]
fn every_effective_switch_goes_round() {
    for entry in entries() {
        for (kind, ..) in kinds() {
            let mut host = host();
            let id = socket(&mut host, kind);
            let value = host.get_option(id, entry.level, entry.name, 256, NOW);
            if !entry.scope.contains(kind) {
                assert!(value.is_err(), "{} on {kind:?}", entry.label);
                continue;
            }
            match (entry.standing, entry.access) {
                (Standing::Refused(..), Access::Absent) => {
                    assert!(value.is_err(), "{}", entry.label);
                }
                // What is refused may still tell that it is off.
                (Standing::Refused(..), _) => {
                    let set = host.set_option(id, entry.level, entry.name, &[1, 0, 0, 0], NOW);
                    assert!(set.is_err(), "{}", entry.label);
                }
                (_, Access::Switch(_) | Access::Kept(_, 0, 1)) if entry.settable.contains(kind) => {
                    for bit in [1, 0, 1] {
                        host.set_option(id, entry.level, entry.name, &i32::to_ne_bytes(bit), NOW)
                            .unwrap();
                        assert_eq!(
                            get(&mut host, id, entry.level, entry.name),
                            Ok(bit),
                            "{}",
                            entry.label
                        );
                    }
                }
                // IP_MTU, IPV6_MTU and IPV6_PATHMTU have no answer without a peer; what can only be set has none either.
                _ => assert!(
                    value.is_ok()
                        || matches!(entry.name, 14 | 24 | 61 | 32 | 33)
                        || joins(entry.label),
                    "{} {value:?}",
                    entry.label
                ),
            }
        }
    }
}

/// Whether an option is a call on a group, which tells nothing.
fn joins(label: &str) -> bool {
    let calls = ["MCAST_", "IP_MSFILTER"];
    calls.iter().any(|call| label.starts_with(call))
        || label.contains("_MEMBERSHIP")
        || label.ends_with("BLOCK_SOURCE")
}

#[test]
fn the_table_names_each_option_once() {
    let all: Vec<_> = entries().map(|entry| (entry.level, entry.name)).collect();
    let mut unique = all.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), all.len());
}

#[test]
fn a_short_length_gives_the_first_bytes() {
    for kind in [Scope::TCP4, Scope::TCP6] {
        let mut host = host();
        let id = socket(&mut host, kind);
        let int = 6i32.to_ne_bytes();
        assert_eq!(host.get_option(id, 1, 38, 2, NOW).unwrap()[..], int[..2]);
        assert_eq!(host.get_option(id, 1, 38, 0, NOW).unwrap()[..], []);
        assert_eq!(host.get_option(id, 1, 38, 100, NOW).unwrap()[..], int);
        // IPPROTO_IP gives a byte to those who ask for less than an int.
        assert_eq!(host.get_option(id, 0, 2, 1, NOW).unwrap()[..], [64]);
        assert_eq!(host.get_option(id, 0, 2, 3, NOW).unwrap()[..], [64]);
        assert_eq!(
            host.get_option(id, 1, 38, usize::MAX, NOW),
            Err(Errno::EINVAL)
        );
        assert_eq!(
            host.set_option(id, 1, 2, &[1, 0, 0], NOW),
            Err(Errno::EINVAL)
        );
        assert_eq!(host.set_option(id, 1, 12345, &[1], NOW), Err(Errno::EINVAL));
        assert_eq!(host.set_option(id, 6, 1, &[1], NOW), Err(Errno::EINVAL));
        assert_eq!(host.set_option(id, 0, 2, &[9], NOW), Ok(()));
        assert_eq!(get(&mut host, id, 0, 2), Ok(9));
        assert_eq!(host.set_option(id, 0, 4, &[], NOW), Ok(()));
        assert_eq!(host.get_option(id, 0, 4, 40, NOW).unwrap().len(), 0);
    }
}

#[test]
fn levels_a_socket_does_not_have() {
    for (kind, level, on_get, on_set) in [
        (Scope::TCP4, 41, Errno::EOPNOTSUPP, Errno::ENOPROTOOPT),
        (Scope::TCP6, 17, Errno::ENOPROTOOPT, Errno::ENOPROTOOPT),
        (Scope::UDP4, 6, Errno::EOPNOTSUPP, Errno::ENOPROTOOPT),
        (Scope::UDP6, 6, Errno::ENOPROTOOPT, Errno::ENOPROTOOPT),
        (Scope::RAW6, 0, Errno::ENOPROTOOPT, Errno::ENOPROTOOPT),
        (Scope::UNIX, 0, Errno::EOPNOTSUPP, Errno::EOPNOTSUPP),
        (Scope::UNIX, 6, Errno::EOPNOTSUPP, Errno::EOPNOTSUPP),
    ] {
        let mut host = host();
        let id = socket(&mut host, kind);
        assert_eq!(
            get(&mut host, id, level, 1),
            Err(on_get),
            "{kind:?} {level}"
        );
        assert_eq!(
            host.set_option(id, level, 1, &[0; 4], NOW),
            Err(on_set),
            "{kind:?} {level}"
        );
    }
}

#[test]
fn timeouts_and_linger_go_round() {
    let mut host = host();
    let id = socket(&mut host, Scope::UNIX);
    let timeval =
        |seconds: i64, micros: i64| [seconds.to_ne_bytes(), micros.to_ne_bytes()].concat();
    for name in [20, 21, 66, 67] {
        assert_eq!(
            host.set_option(id, 1, name, &timeval(3, 250_000), NOW),
            Ok(())
        );
        assert_eq!(
            host.get_option(id, 1, name, 16, NOW).unwrap()[..],
            timeval(3, 250_000)[..]
        );
        assert_eq!(
            host.set_option(id, 1, name, &timeval(3, 1_000_000), NOW),
            Err(Errno::EDOM)
        );
        assert_eq!(
            host.set_option(id, 1, name, &timeval(3, 0)[..15], NOW),
            Err(Errno::EINVAL)
        );
        assert_eq!(host.set_option(id, 1, name, &timeval(0, 0), NOW), Ok(()));
        assert_eq!(host.get_option(id, 1, name, 16, NOW).unwrap()[..], [0; 16]);
    }
    let linger = [1i32.to_ne_bytes(), 5i32.to_ne_bytes()].concat();
    host.set_option(id, 1, 13, &linger, NOW).unwrap();
    assert_eq!(host.get_option(id, 1, 13, 8, NOW).unwrap()[..], linger[..]);
    assert_eq!(
        host.set_option(id, 1, 13, &linger[..4], NOW),
        Err(Errno::EINVAL)
    );
}

#[test]
fn a_user_without_privilege_may_not() {
    let mut host = host();
    let id = host
        .socket(Domain::Inet, SocketType::Stream, 0, USER)
        .unwrap();
    for (level, name, value) in [(1, 36, 1), (1, 32, 1), (1, 33, 1), (1, 12, 7), (0, 19, 1)] {
        assert_eq!(
            host.set_option(id, level, name, &i32::to_ne_bytes(value), NOW),
            Err(Errno::EPERM),
            "{level} {name}"
        );
    }
    assert_eq!(host.set_option(id, 1, 12, &6i32.to_ne_bytes(), NOW), Ok(()));
}

#[test]
fn a_device_is_found_by_name_and_number() {
    let mut host = host();
    let id = socket(&mut host, Scope::UDP4);
    assert_eq!(host.get_option(id, 1, 25, 4, NOW).unwrap().len(), 0);
    assert_eq!(
        host.set_option(id, 1, 25, b"nope\0", NOW),
        Err(Errno::ENODEV)
    );
    assert_eq!(host.set_option(id, 1, 25, b"lo\0junk", NOW), Ok(()));
    assert_eq!(host.get_option(id, 1, 25, 16, NOW).unwrap()[..], *b"lo\0");
    assert_eq!(host.get_option(id, 1, 25, 15, NOW), Err(Errno::EINVAL));
    assert_eq!(get(&mut host, id, 1, 62), Ok(1));
    assert_eq!(host.set_option(id, 1, 25, b"", NOW), Ok(()));
    assert_eq!(get(&mut host, id, 1, 62), Ok(0));
}

#[test]
fn peers_are_known_on_unix_only() {
    let mut host = host();
    let (a, _) = host
        .socket_pair(Domain::Unix, SocketType::Stream, 0, USER)
        .unwrap();
    let known = [
        7i32.to_ne_bytes(),
        1000i32.to_ne_bytes(),
        1000i32.to_ne_bytes(),
    ]
    .concat();
    assert_eq!(host.get_option(a, 1, 17, 12, NOW).unwrap()[..], known[..]);
    let id = socket(&mut host, Scope::UDP6);
    assert_eq!(
        host.get_option(id, 1, 17, 12, NOW).unwrap()[..],
        [0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]
    );
    assert_eq!(get(&mut host, id, 1, 16), Err(Errno::EOPNOTSUPP));
    assert_eq!(host.get_option(id, 1, 57, 4, NOW), Err(Errno::EINVAL));
    assert_eq!(host.get_option(id, 1, 57, 8, NOW).unwrap().len(), 8);
}

#[test]
fn congestion_control_is_chosen_by_name() {
    let mut host = host();
    let id = socket(&mut host, Scope::TCP4);
    assert_eq!(
        host.get_option(id, 6, 13, 256, NOW).unwrap()[..],
        *b"cubic\0\0\0\0\0\0\0\0\0\0\0"
    );
    assert_eq!(host.set_option(id, 6, 13, b"reno", NOW), Ok(()));
    assert_eq!(host.get_option(id, 6, 13, 5, NOW).unwrap()[..], *b"reno\0");
    assert_eq!(
        host.set_option(id, 6, 13, b"vegas\0", NOW),
        Err(Errno::ENOENT)
    );
    assert_eq!(host.set_option(id, 6, 13, b"", NOW), Err(Errno::EINVAL));
    assert_eq!(host.get_option(id, 6, 11, 1, NOW).unwrap()[..], [7]);
    assert_eq!(
        host.get_option(id, 6, 11, 4096, NOW).unwrap().len(),
        super::tcp_info::LENGTH
    );
}

#[test]
fn the_host_has_a_congestion_control_of_its_own() {
    let mut host = Host::new(Config {
        sysctl: crate::Sysctl {
            tcp_congestion_control: crate::CongestionControl::Reno,
            ..crate::Sysctl::default()
        },
        ..Config::default()
    });
    let id = socket(&mut host, Scope::TCP4);
    assert_eq!(host.get_option(id, 6, 13, 5, NOW).unwrap()[..], *b"reno\0");
    assert_eq!(host.set_option(id, 6, 13, b"cubic", NOW), Ok(()));
    assert_eq!(host.get_option(id, 6, 13, 6, NOW).unwrap()[..], *b"cubic\0");
}

#[test]
fn compat_page_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/compat.md");
    let page = compat::page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let file = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        file == page,
        "docs/compat.md is not current: run `UPDATE=1 cargo test -p sockeye-core compat`"
    );
}

#[test]
fn no_two_switches_share_a_bit() {
    use bitflags::Flags;
    let flags = super::Switches::FLAGS;
    let bits = flags.iter().map(|flag| flag.value().bits());
    assert_eq!(
        bits.fold(0, |all, bits| all | bits).count_ones(),
        u32::try_from(flags.len()).unwrap()
    );
}
