//! What is captured is read by somebody else: tshark.
//!
//! Without tshark the tests are reported as ignored, with the reason; with `SOCKEYE_REQUIRE_ALL=1` they fail.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::{Command, Stdio};
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use sockeye_link::Direction;
use sockeye_link::capture::Capture;
use sockeye_tcp::Instant;
use sockeye_wire::{
    ChecksumState, Frame, Headers, IpProtocol, Ipv4Header, Ipv6Header, Payload, SackBlocks,
    TcpFlags, TcpHeader, TcpOptions, Timestamps, UdpHeader,
};

fn main() {
    let arguments = Arguments::from_args();
    let here = Command::new("tshark")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let require_all = std::env::var_os("SOCKEYE_REQUIRE_ALL").is_some_and(|value| value == "1");
    let trial = |name: &str, test: fn() -> Result<(), Failed>| {
        if here {
            Trial::test(name, test)
        } else if require_all {
            Trial::test(name, || Err(Failed::from("needs tshark")))
        } else {
            Trial::test(name, || Ok(()))
                .with_kind("needs tshark")
                .with_ignored_flag(true)
        }
    };
    let trials = vec![
        trial(
            "packets_are_read_with_interface_time_and_comment",
            packets_are_read_with_interface_time_and_comment,
        ),
        trial(
            "super_segments_are_read_whole",
            super_segments_are_read_whole,
        ),
        trial(
            "what_the_kernel_sent_is_intact",
            what_the_kernel_sent_is_intact,
        ),
    ];
    libtest_mimic::run(&arguments, trials).exit();
}

/// Captures what `record` does and reads `fields` of each packet back.
fn read_back(fields: &[&str], record: impl FnOnce(&Capture<std::fs::File>)) -> Vec<Vec<String>> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let origin = Duration::from_secs(1_700_000_000);
    let capture = Capture::new(file.reopen().unwrap(), origin).unwrap();
    record(&capture);
    capture.finish().unwrap();
    let mut command = Command::new("tshark");
    command.args(["-n", "-r"]).arg(file.path());
    for check in ["ip", "tcp", "udp"] {
        command
            .arg("-o")
            .arg(format!("{check}.check_checksum:TRUE"));
    }
    // The data is not what the port numbers promise.
    command.args(["--disable-protocol", "mdns"]);
    command.args(["-o", "tcp.relative_sequence_numbers:FALSE"]);
    command.args(["-T", "fields", "-E", "separator=|"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| line.split('|').map(str::to_owned).collect())
        .collect()
}

fn tcp(v6: bool, sequence: u32, length: usize) -> Frame {
    let header = TcpHeader {
        source_port: 43210,
        destination_port: 8080,
        sequence,
        acknowledgment: 2000,
        flags: TcpFlags::ACK | TcpFlags::PSH,
        window: 512,
        urgent: 0,
        options: TcpOptions {
            timestamps: Some(Timestamps { value: 1, echo: 2 }),
            sack: [(5000, 6000)].into_iter().collect::<SackBlocks>(),
            ..TcpOptions::NONE
        },
    };
    let mut headers = Headers::new();
    let transport = header.header_len() + length;
    if v6 {
        let (a, b) = (Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
        Ipv6Header::new(a, b, IpProtocol::TCP, transport).emit(&mut headers);
    } else {
        let (a, b) = (Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST);
        Ipv4Header::new(a, b, IpProtocol::TCP, transport).emit(&mut headers);
    }
    header.emit(&mut headers);
    let mut frame = Frame::new(headers, Payload::from(vec![b'x'; length]));
    frame.offload.checksum = ChecksumState::Partial;
    frame
}

fn packets_are_read_with_interface_time_and_comment() -> Result<(), Failed> {
    let fields = [
        "frame.interface_name",
        "frame.time_epoch",
        "frame.comment",
        "frame.packet_flags_direction",
        "tcp.len",
        "tcp.checksum.status",
        "udp.checksum.status",
        "tcp.options.sack_re",
        "_ws.malformed",
    ];
    let rows = read_back(&fields, |capture| {
        let lo = capture.interface("lo");
        let nginx = capture.interface("nginx (4711)");
        let now = Instant::from_nanos(123_456_789);
        let comment = "pid 4711, fd 9, nginx: größer";
        capture.record(
            nginx,
            &tcp(false, 1000, 100),
            Direction::Outbound,
            now,
            comment,
        );
        capture.record(lo, &tcp(true, 1000, 0), Direction::Inbound, now, "");
        let mut headers = Headers::new();
        let localhost = Ipv4Addr::LOCALHOST;
        Ipv4Header::new(localhost, localhost, IpProtocol::UDP, 13).emit(&mut headers);
        UdpHeader {
            source_port: 1000,
            destination_port: 2000,
            payload_length: 5,
        }
        .emit(&mut headers);
        let mut frame = Frame::new(headers, Payload::from(&b"hello"[..]));
        frame.offload.checksum = ChecksumState::Partial;
        capture.record(lo, &frame, Direction::Inbound, now, "one\ntwo");
    });
    let time = "1700000000.123456789";
    assert_eq!(
        rows,
        [
            [
                "nginx (4711)",
                time,
                "pid 4711, fd 9, nginx: größer",
                "0x00000002",
                "100",
                "1",
                "",
                "6000",
                ""
            ],
            ["lo", time, "", "0x00000001", "0", "1", "", "6000", ""],
            ["lo", time, "one\\ntwo", "0x00000001", "", "", "1", "", ""],
        ]
    );
    Ok(())
}

/// Sequence numbers and lengths, one behind the other.
const SUPER_SEGMENTS: [(u32, usize); 4] = [
    (1000, 1448),
    (2448, 65_000),
    (67_448, 65_536),
    (132_984, 200_000),
];

fn super_segments_are_read_whole() -> Result<(), Failed> {
    let fields = ["frame.len", "tcp.len", "tcp.seq_raw", "_ws.malformed"];
    let rows = read_back(&fields, |capture| {
        let lo = capture.interface("lo");
        for (sequence, length) in SUPER_SEGMENTS {
            for v6 in [false, true] {
                let frame = tcp(v6, sequence, length);
                capture.record(lo, &frame, Direction::Outbound, Instant::ZERO, "");
            }
        }
    });
    let mut expected = Vec::new();
    for (sequence, length) in SUPER_SEGMENTS {
        // Beyond 65535 bytes, IPv6 has eight more for the jumbo payload option.
        let jumbo = if length + 44 > 65_535 { 8 } else { 0 };
        for headers in [20 + 44, 40 + 44 + jumbo] {
            let (frame, length) = (headers + length, length.to_string());
            expected.push([
                frame.to_string(),
                length,
                sequence.to_string(),
                String::new(),
            ]);
        }
    }
    assert_eq!(rows, expected);
    Ok(())
}

fn what_the_kernel_sent_is_intact() -> Result<(), Failed> {
    let packets: Vec<Vec<u8>> = include_str!("../../wire/tests/data/captured.hex")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            (0..line.len() / 2)
                .map(|at| u8::from_str_radix(&line[2 * at..2 * at + 2], 16).unwrap())
                .collect()
        })
        .collect();
    let fields = [
        "frame.len",
        "_ws.malformed",
        "tcp.checksum.status",
        "ip.checksum.status",
    ];
    let rows = read_back(&fields, |capture| {
        let lo = capture.interface("veth");
        for packet in &packets {
            let frame = Frame::from_bytes(packet.clone().into());
            capture.record(lo, &frame, Direction::Inbound, Instant::ZERO, "");
        }
    });
    assert_eq!(rows.len(), packets.len());
    for (row, packet) in rows.iter().zip(&packets) {
        assert_eq!(row[0], packet.len().to_string());
        assert_eq!(row[1], "");
        assert!(row[2] == "1" || row[2].is_empty(), "{row:?}");
        // An ICMP error shows the quoted header's checksum too.
        assert!(
            row[3]
                .split(',')
                .all(|status| status == "1" || status.is_empty()),
            "{row:?}"
        );
    }
    Ok(())
}
