//! Whatever segments, calls and times come, nothing panics and memory stays bounded.
#![allow(missing_docs)]
mod support;

use core::time::Duration;

use proptest::prelude::*;
use sockeye_tcp::{Connection, Error, IcmpError, Instant, Segment, Seq, Settings};
use sockeye_wire::{Ecn, SackBlocks, TcpFlags, TcpOptions, Timestamps};

#[derive(Clone, Debug)]
enum Step {
    /// Numbers relative to what the connection expects.
    Segment {
        sequence: i32,
        ack: i32,
        flags: u8,
        window: u16,
        urgent: u16,
        length: usize,
        sack: Vec<(i32, i32)>,
        stamp: Option<i32>,
    },
    Send(usize),
    Urgent(usize),
    Read(usize),
    Take(usize),
    Peek(usize, usize),
    Wait(u64),
    Shutdown,
    ShutdownReceive,
    Close,
    Abort,
    Icmp(u16),
    Inline(bool),
    Cork(bool),
    Buffer(usize),
}

fn near() -> impl Strategy<Value = i32> {
    prop_oneof![4 => Just(0), 4 => -3..4i32, 3 => -3000..3000i32, 2 => -70_000..70_000i32, 1 => any::<i32>()]
}

fn step() -> impl Strategy<Value = Step> {
    let flags = prop_oneof![
        6 => Just(0x10u8), 3 => Just(0x18u8), 1 => Just(0x11u8), 1 => Just(0x12u8), 1 => Just(0x30u8), 1 => any::<u8>()
    ];
    let segment = (
        near(),
        near(),
        flags,
        any::<u16>(),
        any::<u16>(),
        prop_oneof![Just(0usize), 1..5usize, 1..3000usize],
        prop::collection::vec((near(), near()), 0..4),
        prop::option::of(near()),
    )
        .prop_map(
            |(sequence, ack, flags, window, urgent, length, sack, stamp)| Step::Segment {
                sequence,
                ack,
                flags,
                window,
                urgent,
                length,
                sack,
                stamp,
            },
        );
    prop_oneof![
        12 => segment,
        4 => (0..20_000usize).prop_map(Step::Send),
        1 => (0..20usize).prop_map(Step::Urgent),
        2 => (0..20_000usize).prop_map(Step::Read),
        1 => (0..20_000usize).prop_map(Step::Take),
        1 => (0..5000usize, 0..5000usize).prop_map(|(at, count)| Step::Peek(at, count)),
        4 => prop_oneof![0..50u64, 0..100_000u64].prop_map(Step::Wait),
        1 => prop_oneof![
            Just(Step::Shutdown), Just(Step::ShutdownReceive), Just(Step::Close), Just(Step::Abort),
            any::<u16>().prop_map(Step::Icmp), any::<bool>().prop_map(Step::Inline), any::<bool>().prop_map(Step::Cork),
            any::<usize>().prop_map(Step::Buffer),
        ],
    ]
}

fn offset(seq: Seq, by: i32) -> Seq {
    seq + by.cast_unsigned()
}

fn run(passive: bool, isn: u32, mss: u16, steps: Vec<Step>) {
    let mut now = Instant::from_secs(1);
    let settings = Settings {
        local_mss: mss,
        ..support::settings(isn)
    };
    let mut connection = if passive {
        let syn = Segment {
            sequence: Seq::new(isn.wrapping_mul(7)),
            flags: TcpFlags::SYN,
            window: 1000,
            options: TcpOptions {
                mss: Some(mss),
                sack_permitted: true,
                window_scale: Some(7),
                ..TcpOptions::NONE
            },
            ..Segment::default()
        };
        Connection::accept(settings, &syn, now)
    } else {
        Connection::connect(settings, now)
    };
    let mut unread = 0;
    for step in steps {
        let (una, nxt, expected) = connection.numbers();
        match step {
            Step::Segment {
                sequence,
                ack,
                flags,
                window,
                urgent,
                length,
                sack,
                stamp,
            } => {
                let segment = Segment {
                    sequence: offset(expected, sequence),
                    acknowledgment: offset(nxt, ack),
                    flags: TcpFlags::from_bits_retain(flags),
                    window,
                    urgent,
                    options: TcpOptions {
                        sack: sack
                            .iter()
                            .map(|&(a, b)| (offset(una, a).get(), offset(una, b).get()))
                            .collect::<SackBlocks>(),
                        timestamps: stamp.map(|stamp| Timestamps {
                            value: stamp.cast_unsigned(),
                            echo: stamp.cast_unsigned(),
                        }),
                        ..TcpOptions::NONE
                    },
                    payload: vec![1; length].into(),
                    // As any as the flags.
                    ecn: Ecn::of(flags >> 3),
                    unit: None,
                };
                let _ = connection.receive(segment, now);
            }
            Step::Send(count) => {
                let room = connection.send_room();
                assert_eq!(
                    connection.send_slice(&vec![2; count], false, now),
                    count.min(room)
                );
            }
            Step::Urgent(count) => {
                connection.send_urgent(&vec![3; count], now);
            }
            Step::Read(count) => {
                connection.read(&mut vec![0; count], now);
            }
            Step::Take(count) => {
                connection.read_bytes(count, now);
            }
            Step::Peek(at, count) => {
                connection.peek(at, &mut vec![0; count]);
            }
            Step::Wait(millis) => {
                let until = now + Duration::from_millis(millis);
                for _ in 0..100 {
                    match connection.deadline() {
                        Some(due) if due <= until => {
                            now = now.max(due);
                            connection.advance(now);
                            while connection.poll_transmit(now).is_some() {}
                        }
                        _ => break,
                    }
                }
                now = until;
            }
            Step::Shutdown => connection.shutdown_send(now),
            Step::ShutdownReceive => connection.shutdown_receive(),
            Step::Close => connection.close(now),
            Step::Abort => connection.abort(now),
            Step::Icmp(mss) => {
                connection.on_icmp_error(IcmpError::PacketTooBig(mss), una, now);
                connection.on_icmp_error(IcmpError::Soft(Error::HostUnreachable), una, now);
            }
            Step::Inline(on) => connection.options_mut().oob_inline = on,
            Step::Cork(on) => connection.options_mut().cork = on,
            Step::Buffer(size) => {
                connection.set_receive_buffer(size % 100_000);
                connection.set_send_buffer(size % 50_000);
            }
        }
        for count in 0.. {
            let wants = connection.wants_transmit(now);
            let out = connection.poll_transmit(now);
            assert_eq!(wants, out.is_some());
            let Some(out) = out else { break };
            assert!(count < 5000, "transmits for ever");
            if let Some(size) = out.segment_size {
                assert!(out.segment.payload.len() > usize::from(size.get()));
            }
        }
        unread = unread.max(connection.status().readable);
        let _ = connection.info(now);
        assert!(
            connection
                .deadline()
                .is_none_or(|due| due > now || connection.is_finished()),
            "a timer in the past"
        );
    }
    // The largest buffer, and one window that was told before it was made smaller.
    assert!(unread <= 8 << 20);
    assert!(connection.heap() <= 16 << 20);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_comes_panics(
        passive: bool,
        isn in prop_oneof![Just(u32::MAX - 3000), any::<u32>()],
        mss in prop_oneof![Just(1460u16), Just(65_495u16), any::<u16>()],
        steps in prop::collection::vec(step(), 1..80),
    ) {
        run(passive, isn, mss, steps);
    }
}
