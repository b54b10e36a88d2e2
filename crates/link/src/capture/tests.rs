use sockeye_wire::{Headers, Payload};

use super::*;

/// Blocks as (type, body), lengths checked.
fn blocks(mut file: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    let mut blocks = Vec::new();
    while !file.is_empty() {
        let length = usize::try_from(number(&file[4..8])).unwrap();
        assert_eq!(length % 4, 0);
        assert_eq!(file[4..8], file[length - 4..length]);
        blocks.push((number(&file[..4]), file[8..length - 4].to_vec()));
        file = &file[length..];
    }
    blocks
}

/// A file that others can look into.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_file_is_a_section_interfaces_and_packets() {
    let memory = Memory::default();
    let capture = Capture::new(memory.clone(), Duration::from_secs(1)).unwrap();
    let lo = capture.interface("lo");
    let eth = capture.clone().interface("eth0");
    let frame = Frame::new(Headers::new(), Payload::from(&b"hello"[..]));
    let now = Instant::from_nanos(7);
    capture.record(eth, &frame, Direction::Inbound, now, "who");
    capture.record(lo, &frame, Direction::Outbound, now, "");
    capture.finish().unwrap();
    capture.record(lo, &frame, Direction::Outbound, now, "too late");
    let blocks = blocks(&memory.0.lock().unwrap());
    let kinds: Vec<u32> = blocks.iter().map(|block| block.0).collect();
    assert_eq!(kinds, [0x0a0d_0d0a, 1, 1, 6, 6]);
    assert_eq!(blocks[1].1[..8], [101, 0, 0, 0, 0, 0, 4, 0]);
    assert_eq!(
        blocks[1].1[8..],
        [
            2, 0, 2, 0, b'l', b'o', 0, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0
        ]
    );
    let time = 1_000_000_007u32.to_le_bytes();
    let packet = [
        &[1, 0, 0, 0, 0, 0, 0, 0][..],
        &time,
        &[5, 0, 0, 0, 5, 0, 0, 0],
        b"hello\0\0\0",
        &[1, 0, 3, 0],
        b"who\0",
        &[2, 0, 4, 0, 1, 0, 0, 0],
        &[0; 4],
    ]
    .concat();
    assert_eq!(blocks[3].1, packet);
}

#[test]
fn a_long_comment_is_cut_between_characters() {
    let memory = Memory::default();
    let capture = Capture::new(memory.clone(), Duration::ZERO).unwrap();
    let lo = capture.interface("lo");
    // 65532 bytes are in the middle of one.
    let comment = format!("x{}", "é".repeat(40_000));
    capture.record(
        lo,
        &Frame::default(),
        Direction::Inbound,
        Instant::ZERO,
        &comment,
    );
    capture.finish().unwrap();
    let blocks = blocks(&memory.0.lock().unwrap());
    let option = &blocks[2].1[20..];
    let length = usize::from(u16::from_le_bytes([option[2], option[3]]));
    assert_eq!(length, 65_531);
    assert!(std::str::from_utf8(&option[4..4 + length]).is_ok());
}

/// Takes some bytes, then fails.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.checked_sub(bytes.len()) {
            Some(left) => {
                self.0 = left;
                Ok(bytes.len())
            }
            None => Err(io::Error::from(io::ErrorKind::StorageFull)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_told_once_and_disturbs_nobody() {
    let capture = Capture::new(Full(100_000), Duration::ZERO).unwrap();
    let lo = capture.interface("lo");
    let frame = Frame::new(Headers::new(), Payload::from(vec![0; 10_000]));
    for _ in 0..100 {
        capture.record(lo, &frame, Direction::Inbound, Instant::ZERO, "");
    }
    let error = capture.finish().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(capture.finish().is_ok());
}
