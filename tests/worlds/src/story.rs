//! Frames as lines, for the report of a stall.

use sockeye_core::Instant;

/// How many frames a report shows.
pub(crate) const LENGTH: usize = 60;

/// `time side ports flags seq:end ack` of a TCP segment; the protocol and length of anything else.
pub(crate) fn line(time: Instant, side: usize, packet: &[u8]) -> String {
    let seconds = time.as_nanos() / 1000;
    let arrow = if side == 0 { "->" } else { "<-" };
    let (protocol, at) = match packet.first().map(|byte| byte >> 4) {
        Some(4) => (packet.get(9).copied(), usize::from(packet[0] & 15) * 4),
        Some(6) => (packet.get(6).copied(), 40),
        _ => (None, 0),
    };
    let segment = packet.get(at..).unwrap_or(&[]);
    if protocol != Some(6) || segment.len() < 20 {
        return format!(
            "{seconds:>12} us {arrow} protocol {protocol:?}, {} bytes",
            packet.len()
        );
    }
    let half = |at: usize| u16::from_be_bytes([segment[at], segment[at + 1]]);
    let word = |at: usize| u32::from(half(at)) << 16 | u32::from(half(at + 2));
    let data = segment
        .len()
        .saturating_sub(usize::from(segment[12] >> 4) * 4);
    let letters = ['F', 'S', 'R', 'P', '.', 'U'];
    let flags: String = letters
        .iter()
        .enumerate()
        .filter(|(bit, _)| segment[13] >> bit & 1 == 1)
        .map(|(_, letter)| *letter)
        .collect();
    format!(
        "{seconds:>12} us {arrow} {} > {} [{flags}] seq {} len {data} ack {} win {}",
        half(0),
        half(2),
        word(4),
        word(8),
        half(14)
    )
}
