use alloc::vec;
use alloc::vec::Vec;

use super::*;

const DATA: [u8; 4] = *b"data";

/// Kind, and bytes without the next-header byte.
type Extension<'a> = (u8, &'a [u8]);

fn chain(headers: &[Extension<'_>], upper: u8) -> (IpProtocol, Vec<u8>) {
    let mut bytes = Vec::new();
    for (index, (_, body)) in headers.iter().enumerate() {
        bytes.push(headers.get(index + 1).map_or(upper, |next| next.0));
        bytes.extend_from_slice(body);
    }
    bytes.extend_from_slice(&DATA);
    (
        IpProtocol(headers.first().map_or(upper, |first| first.0)),
        bytes,
    )
}

const OPTIONS: &[u8] = &[0, 5, 2, 0, 0, 1, 0];
const LONG_ROUTING: &[u8] = &[1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1];
const AUTHENTICATION: &[u8] = &[1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1];
const FIRST_FRAGMENT: &[u8] = &[0, 0, 1, 0, 0, 0, 9];
const ATOMIC: &[u8] = &[0, 0, 0, 0, 0, 0, 9];
const LATER_FRAGMENT: &[u8] = &[0, 0, 9, 0, 0, 0, 9];

#[test]
fn the_upper_layer_is_found_behind_any_chain() {
    let cases: &[(&[Extension<'_>], usize, usize)] = &[
        (&[], 0, 6),
        (&[(0, OPTIONS)], 8, 40),
        (&[(60, OPTIONS)], 8, 40),
        (&[(0, OPTIONS), (43, LONG_ROUTING)], 24, 48),
        (&[(51, AUTHENTICATION), (60, OPTIONS)], 20, 52),
        (&[(0, OPTIONS), (44, ATOMIC), (60, OPTIONS)], 24, 56),
    ];
    for (headers, offset, field) in cases {
        let (first, bytes) = chain(headers, 17);
        let upper = Ipv6Extensions::new(first, &bytes).upper_layer().unwrap();
        assert_eq!(upper.protocol, IpProtocol::UDP);
        assert_eq!(upper.offset, *offset);
        assert_eq!(upper.next_header_field, *field);
        assert_eq!(bytes[upper.offset..], DATA);
        let kinds: Vec<u8> = Ipv6Extensions::new(first, &bytes)
            .map(|header| header.unwrap().kind.0)
            .collect();
        let expected: Vec<u8> = headers.iter().map(|header| header.0).collect();
        assert_eq!(kinds, expected);
    }
}

#[test]
fn behind_a_later_fragment_nothing_is_read() {
    let (first, bytes) = chain(&[(0, OPTIONS), (44, LATER_FRAGMENT)], 60);
    let upper = Ipv6Extensions::new(first, &bytes).upper_layer().unwrap();
    assert_eq!((upper.protocol.0, upper.offset), (60, 16));
    assert_eq!(upper.fragment.unwrap().offset, 8);
    let (first, bytes) = chain(&[(44, FIRST_FRAGMENT), (60, OPTIONS)], 17);
    let upper = Ipv6Extensions::new(first, &bytes).upper_layer().unwrap();
    assert_eq!((upper.protocol.0, upper.offset), (17, 16));
    assert!(!upper.fragment.unwrap().is_atomic());
}

#[test]
fn hop_by_hop_is_a_header_only_in_the_first_place() {
    let (first, bytes) = chain(&[(60, OPTIONS), (0, OPTIONS)], 17);
    let upper = Ipv6Extensions::new(first, &bytes).upper_layer().unwrap();
    assert_eq!((upper.protocol.0, upper.offset), (0, 8));
    assert_eq!(upper.next_header_field, 40);
}

#[test]
fn a_header_that_does_not_fit_is_refused() {
    for (kind, body) in [(0, OPTIONS), (43, LONG_ROUTING), (51, AUTHENTICATION)] {
        let (first, bytes) = chain(&[(kind, body)], 17);
        for length in 0..=body.len() {
            let walk = Ipv6Extensions::new(first, &bytes[..length]);
            assert_eq!(walk.upper_layer(), Err(ParseError::Truncated));
        }
    }
}

#[test]
fn options_headers_hold_what_was_put_in() {
    for length in 0..40u8 {
        let mut option = vec![0x3e, length];
        option.extend((0..length).map(|byte| byte | 1));
        let mut out = Headers::new();
        let size = emit_options_header(IpProtocol::TCP, &option, &mut out);
        assert_eq!((size, size % 8), (out.len(), 0));
        let header = Ipv6Extensions::new(IpProtocol::HOP_BY_HOP, &out)
            .next()
            .unwrap()
            .unwrap();
        assert_eq!(header.next_header(), IpProtocol::TCP);
        let options: Vec<_> = header.options().map(Result::unwrap).collect();
        assert_eq!(options.len(), 1);
        assert_eq!(options[0].kind, 0x3e);
        assert_eq!(*options[0].data, option[2..]);
        assert_eq!(options[0].offset, 2);
        assert_eq!(options[0].unrecognized_action(), 0);
    }
    let mut out = Headers::new();
    assert_eq!(
        emit_options_header(IpProtocol::TCP, &[0; 2047], &mut out),
        0
    );
    assert!(out.is_empty());
}

#[test]
fn a_broken_option_is_pointed_at() {
    let (first, bytes) = chain(&[(0, &[0, 1, 1, 0, 5, 9, 0])], 17);
    let header = Ipv6Extensions::new(first, &bytes).next().unwrap().unwrap();
    assert_eq!(header.options().collect::<Vec<_>>(), [Err(5)]);
}

#[test]
fn a_jumbo_payload_names_its_length() {
    let mut out = Headers::new();
    assert_eq!(emit_jumbo_payload(IpProtocol::TCP, 100_000, &mut out), 8);
    assert_eq!(*out, [6, 0, 0xc2, 4, 0, 1, 0x86, 0xa0]);
}
