use super::*;

/// Options as bytes, and what they say.
#[test]
fn options_are_read_as_linux_reads_them() {
    let none = TcpOptions::NONE;
    let mss = TcpOptions {
        mss: Some(1460),
        ..none
    };
    let cases: &[(&[u8], TcpOptions)] = &[
        (&[], none),
        (&[2, 4, 5, 0xb4], mss),
        (&[1, 1, 1, 2, 4, 5, 0xb4], mss),
        // Nothing counts behind the end of the list.
        (&[0, 2, 4, 5, 0xb4], none),
        // Unknown kinds are skipped by their length: MD5, MPTCP.
        (&[19, 4, 9, 9, 30, 3, 0, 2, 4, 5, 0xb4], mss),
        // A length below 2 or past the end ends the walk.
        (&[77, 1, 2, 4, 5, 0xb4], none),
        (&[77, 0, 2, 4, 5, 0xb4], none),
        (&[77, 40, 2, 4, 5, 0xb4], none),
        (&[2, 4, 5, 0xb4, 77], mss),
        (&[2, 4, 5, 0xb4, 8, 10, 1], mss),
        // A known kind of a wrong length is skipped.
        (&[2, 3, 5, 2, 4, 5, 0xb4], mss),
        (&[3, 4, 7, 7, 2, 4, 5, 0xb4], mss),
        (&[4, 3, 7, 2, 4, 5, 0xb4], mss),
        (&[5, 9, 1, 2, 3, 4, 5, 6, 7, 2, 4, 5, 0xb4], mss),
        (&[5, 2, 2, 4, 5, 0xb4], mss),
        // A size of 0 is none; the last one counts.
        (&[2, 4, 5, 0xb4, 2, 4, 0, 0], mss),
        (&[2, 4, 1, 0, 2, 4, 5, 0xb4], mss),
        (
            &[28, 4, 0x80, 5],
            TcpOptions {
                user_timeout: Some(0x8005),
                ..none
            },
        ),
        (
            &[34, 2],
            TcpOptions {
                fast_open: Some(FastOpenCookie::REQUEST),
                ..none
            },
        ),
        // The experimental form of Fast Open.
        (
            &[254, 8, 0xf9, 0x89, 1, 2, 3, 4],
            TcpOptions {
                fast_open: FastOpenCookie::new(&[1, 2, 3, 4])
                    .map(|cookie| cookie.experimental(true)),
                ..none
            },
        ),
        (&[254, 8, 0xf9, 0x88, 1, 2, 3, 4], none),
        // A cookie of an odd length or shorter than four bytes is none.
        (&[34, 7, 1, 2, 3, 4, 5], none),
        (&[34, 4, 1, 2], none),
    ];
    for (bytes, expected) in cases {
        assert_eq!(TcpOptions::parse(bytes), *expected, "{bytes:?}");
    }
}

#[test]
fn options_that_do_not_fit_lose_their_last_sack_blocks() {
    let options = TcpOptions {
        timestamps: Some(Timestamps { value: 1, echo: 2 }),
        sack: [(1, 2), (3, 4), (5, 6), (7, 8)].into_iter().collect(),
        ..TcpOptions::NONE
    };
    assert_eq!(options.sack_room(), 3);
    assert_eq!(options.len(), 40);
    let mut room = [0; 40];
    assert_eq!(options.emit(&mut room), 40);
    let read = TcpOptions::parse(&room);
    assert_eq!(read.sack.as_slice(), [(1, 2), (3, 4), (5, 6)]);
    assert_eq!(read.timestamps, options.timestamps);
    assert_eq!(TcpOptions::NONE.sack_room(), 4);
}

/// RFC 9293 3.2: no-operations before an option, zeros behind the last.
#[test]
fn what_fills_the_last_word_means_nothing() {
    let ours = [
        TcpOptions {
            window_scale: Some(7),
            ..TcpOptions::NONE
        },
        TcpOptions {
            sack_permitted: true,
            ..TcpOptions::NONE
        },
        TcpOptions {
            timestamps: Some(Timestamps { value: 1, echo: 2 }),
            ..TcpOptions::NONE
        },
    ];
    for options in ours {
        let mut room = [0xff; 40];
        let length = options.emit(&mut room);
        assert!(length.is_multiple_of(4), "{options:?}");
        let mut at = 0;
        while at < length {
            at += match room[at] {
                0 => {
                    assert!(room[at..length].iter().all(|byte| *byte == 0));
                    break;
                }
                1 => 1,
                _ => usize::from(room[at + 1]),
            };
        }
        assert_eq!(TcpOptions::parse(&room[..length]), options);
    }
}

#[test]
fn headers_with_impossible_lengths_are_refused() {
    let mut bytes = [0u8; 60];
    for words in 0..16u8 {
        bytes[12] = words << 4;
        let length = usize::from(words) * 4;
        for available in [0, 19, 20, 24, 59, 60] {
            let result = TcpView::parse(&bytes[..available]).map(|view| view.header_len());
            let expected = if available < 20 {
                Err(ParseError::Truncated)
            } else if words < 5 {
                Err(ParseError::Length)
            } else if available < length {
                Err(ParseError::Truncated)
            } else {
                Ok(length)
            };
            assert_eq!(result, expected);
        }
    }
}

#[test]
fn flags_print_their_names() {
    let flags = TcpFlags::SYN | TcpFlags::ACK;
    assert_eq!(alloc::format!("{flags:?}"), "SYN | ACK");
}

#[test]
fn options_are_small() {
    assert!(size_of::<TcpOptions>() <= 88);
}
