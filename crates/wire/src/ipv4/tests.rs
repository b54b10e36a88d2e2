use alloc::vec;
use alloc::vec::Vec;

use super::*;

fn header() -> Ipv4Header {
    Ipv4Header::new(
        Ipv4Addr::new(10, 1, 0, 1),
        Ipv4Addr::new(10, 1, 0, 2),
        IpProtocol::UDP,
        100,
    )
}

fn emitted(header: &Ipv4Header) -> Headers {
    let mut out = Headers::new();
    header.emit(&mut out);
    out
}

#[test]
fn prepending_puts_the_header_in_front() {
    let mut out = Headers::from(&b"transport"[..]);
    header().prepend(&mut out);
    assert_eq!(out[..20], emitted(&header())[..]);
    assert_eq!(out[20..], *b"transport");
}

#[test]
fn options_are_padded_to_whole_words() {
    let mut header = header();
    header.options.extend([148, 4, 0, 0, 1]);
    let out = emitted(&header);
    assert_eq!(out.len(), 28);
    let view = Ipv4View::parse(&out).unwrap();
    assert!(view.checksum_is_valid());
    assert_eq!(view.options(), [148, 4, 0, 0, 1, 0, 0, 0]);
    let kinds: Vec<u8> = view.option_iter().map(|o| o.unwrap().kind).collect();
    assert_eq!(kinds, [Ipv4Option::ROUTER_ALERT, Ipv4Option::NO_OPERATION]);
}

#[test]
fn a_broken_option_is_pointed_at() {
    let walk = |bytes: &'static [u8]| -> Vec<Result<(u8, usize), usize>> {
        OptionIter { bytes, offset: 0 }
            .map(|option| option.map(|option| (option.kind, option.data.len())))
            .collect()
    };
    assert_eq!(walk(&[]), vec![]);
    assert_eq!(walk(&[1, 7, 3, 4, 0, 9, 9]), vec![Ok((1, 0)), Ok((7, 1))]);
    assert_eq!(walk(&[1, 7, 1]), vec![Ok((1, 0)), Err(1)]);
    assert_eq!(walk(&[1, 7, 0]), vec![Ok((1, 0)), Err(1)]);
    assert_eq!(walk(&[7, 9, 4]), vec![Err(0)]);
    assert_eq!(walk(&[7]), vec![Err(0)]);
    assert_eq!(walk(&[7, 2]), vec![Ok((7, 0))]);
}

#[test]
fn a_length_that_does_not_fit_is_zero() {
    let mut header = header();
    header.payload_length = 65515;
    assert_eq!(header.total_length(), 65535);
    header.payload_length = 65516;
    assert_eq!(header.total_length(), 0);
}

#[test]
fn impossible_headers_are_refused() {
    let out = emitted(&header());
    let with_first = |first: u8| {
        let mut bytes = out.to_vec();
        bytes[0] = first;
        Ipv4View::parse(&bytes).map(|view| view.header_len())
    };
    assert_eq!(with_first(0x45), Ok(20));
    assert_eq!(with_first(0x65), Err(ParseError::Version));
    assert_eq!(with_first(0x44), Err(ParseError::Length));
    assert_eq!(with_first(0x46), Err(ParseError::Truncated));
    assert!(matches!(
        Ipv4View::parse(&out[..19]),
        Err(ParseError::Truncated)
    ));
}
