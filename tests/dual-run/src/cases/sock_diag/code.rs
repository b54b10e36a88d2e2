//! Filters: the byte code of `INET_DIAG_REQ_BYTECODE`.

use libc::{AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDPLITE};

use super::super::option_table::SO_MARK;
use super::{
    BY_FAMILY, BYTECODE, DUMP, Request, ask, byte, established, loopback, message, socket,
};
use crate::World;

/// `struct inet_diag_bc_op`
fn op(code: u8, yes: u8, no: u16) -> Vec<u8> {
    let mut bytes = vec![code, yes];
    bytes.extend(no.to_ne_bytes());
    bytes
}

/// An instruction that compares a port.
pub(super) fn compare(code: u8, port: u16) -> Vec<u8> {
    [op(code, 8, 12), op(0, 0, port)].concat()
}

/// An instruction that compares an address.
fn host(code: u8, family: i32, prefix: u8, port: i32, address: &[u8]) -> Vec<u8> {
    let length = 12 + address.len();
    let (yes, no) = (
        length.try_into().unwrap_or(0),
        (length + 4).try_into().unwrap_or(0),
    );
    let mut bytes = op(code, yes, no);
    bytes.extend([byte(family), prefix, 0, 0]);
    bytes.extend(port.to_ne_bytes());
    bytes.extend(address);
    bytes
}

fn words(code: u8, words: &[u32]) -> Vec<u8> {
    let length = 4 + 4 * words.len();
    let (yes, no) = (
        length.try_into().unwrap_or(0),
        (length + 4).try_into().unwrap_or(0),
    );
    let mut bytes = op(code, yes, no);
    bytes.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
    bytes
}

pub(super) fn filters(w: &mut World<'_>) {
    let s = socket(w);
    let ([client, ..], ports) = established(w);
    let _ = w.set_int(client, SO_MARK, 7);
    let family = w.flavor.domain();
    let [(listening, _), (chosen, _)] = ports;
    let own = loopback(w);
    let own = if family == AF_INET {
        &own[..4]
    } else {
        &own[..]
    };
    let bits = u8::try_from(own.len() * 8).unwrap_or(0);
    let mut other = own.to_vec();
    let last = other.len() - 1;
    other[last] ^= 0x10;
    // Either of two: what fails the first goes on behind the jump, which leads to the end.
    let either = [
        [op(11, 8, 16), op(0, 0, listening)].concat(),
        op(1, 4, 16 - 4),
        [op(12, 8, 12), op(0, 0, listening)].concat(),
    ]
    .concat();
    for (what, code) in [
        ("nothing", op(0, 4, 0)),
        ("a jump to the end", op(1, 4, 4)),
        ("a jump beyond the end", op(1, 4, 8)),
        ("source =", compare(11, listening)),
        ("destination =", compare(12, listening)),
        ("source >= client's", compare(2, chosen)),
        ("source <= client's", compare(3, chosen)),
        ("destination >= 1", compare(4, 1)),
        ("destination <= 0", compare(5, 0)),
        ("chosen ports", op(6, 4, 8)),
        ("source address", host(7, family, bits, -1, own)),
        (
            "source address of another",
            host(7, family, bits, -1, &other),
        ),
        (
            "source prefix of another",
            host(7, family, bits - 8, -1, &other),
        ),
        (
            "source prefix within a byte",
            host(7, family, bits - 3, -1, &other),
        ),
        (
            "source prefix up to a bit",
            host(7, family, bits - 5, -1, &other),
        ),
        ("destination address", host(8, family, bits, -1, own)),
        (
            "destination address and port",
            host(8, family, bits, listening.into(), own),
        ),
        ("any address, a port", host(7, 0, 0, listening.into(), &[])),
        ("an IPv4 network", host(7, AF_INET, 8, -1, &[127, 0, 0, 0])),
        ("an IPv6 address", host(7, AF_INET6, 0, -1, &[0; 16])),
        ("no interface", words(9, &[0])),
        ("an interface", words(9, &[1])),
        ("a mark", words(10, &[7, 0xff])),
        ("a part of a mark", words(10, &[1, 1])),
        ("another mark", words(10, &[8, 0xff])),
        ("either", either),
    ] {
        let request = Request::of(family, IPPROTO_TCP);
        let bytes = message(BY_FAMILY, DUMP, &request.bytes(), &[(BYTECODE, &code)]);
        ask(w, s, what, &bytes, &ports);
    }
}

pub(super) fn bad_code(w: &mut World<'_>) {
    let s = socket(w);
    let _listening = w.quietly(|w| w.listener(5));
    for (what, code) in [
        ("empty", vec![]),
        ("cut", vec![0, 4]),
        ("cut within an instruction", vec![0, 4, 0, 0, 0, 4]),
        ("nothing, and back", op(0, 0, 0)),
        ("nothing, and beyond", op(0, 8, 0)),
        ("nothing, twice", [op(0, 4, 99), op(0, 4, 0)].concat()),
        ("a jump to nowhere", op(1, 4, 12)),
        ("a jump back", [op(0, 4, 0), op(1, 252, 0)].concat()),
        ("a jump that stays", op(1, 4, 0)),
        ("a crooked jump", op(1, 4, 6)),
        ("a crooked step", op(1, 6, 4)),
        ("a port without its number", op(11, 4, 8)),
        (
            "a port whose number is an instruction",
            [op(11, 4, 8), op(0, 0, 1)].concat(),
        ),
        (
            "a port that ends short",
            [op(11, 8, 8), op(0, 0, 1)].concat(),
        ),
        ("no such instruction", op(14, 4, 8)),
        ("no such instruction at all", op(255, 4, 8)),
        ("a long prefix", host(7, AF_INET, 33, -1, &[0; 4])),
        (
            "a long prefix of IPv6",
            host(8, AF_INET6, 129, -1, &[0; 16]),
        ),
        ("a prefix of nothing", host(7, 0, 1, -1, &[])),
        ("no such family", host(7, 3, 0, -1, &[])),
        ("an address that is cut", host(7, AF_INET, 0, -1, &[1, 2])),
        ("an address that is not there", host(7, AF_INET, 0, -1, &[])),
        ("an interface that is not there", op(9, 4, 8)),
        ("a mark that is cut", words(10, &[1])),
        (
            "a jump into an instruction",
            [op(1, 4, 8), compare(11, 4)].concat(),
        ),
        (
            "a jump behind it",
            [op(1, 4, 12), op(11, 8, 8), op(0, 4, 1)].concat(),
        ),
    ] {
        let request = Request::of(AF_INET, IPPROTO_TCP);
        let bytes = message(BY_FAMILY, DUMP, &request.bytes(), &[(BYTECODE, &code)]);
        ask(w, s, what, &bytes, &[]);
        let request = Request::of(AF_INET, IPPROTO_UDPLITE);
        let bytes = message(BY_FAMILY, DUMP, &request.bytes(), &[(BYTECODE, &code)]);
        ask(w, s, "of UDP-Lite", &bytes, &[]);
    }
}
