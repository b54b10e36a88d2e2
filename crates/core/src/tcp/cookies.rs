//! SYN cookies (RFC 4987 3.6, `net/ipv4/syncookies.c`): connections that need no memory until they are complete.
//!
//! When the request queue of a listener is full, the SYN-ACK's sequence number says all that must be known of the SYN,
//! under a keyed hash that nobody else can make; the acknowledgment brings it back. It has room for one of four segment
//! sizes. With timestamps the low bits of the one sent carry the other options too; without, they are lost.
//!
//! A cookie is worth something for one to two minutes, and only at a listener that has sent one in the last two.

use core::time::Duration;

use sockeye_tcp::{Connection, OutgoingSegment, Segment, Seq, Settings};
use sockeye_wire::TcpFlags;

use crate::Instant;
use crate::inet::demux::FourTuple;
use crate::inet::keyed::Keyed;

/// `TCP_SYNCOOKIE_VALID`: how long after its last cookie a listener looks for one in an acknowledgment.
pub(super) const VALID: Duration = Duration::from_secs(120);
/// `MAX_SYNCOOKIE_AGE`, in minutes begun.
const OLDEST: u32 = 2;
/// `COOKIEBITS`: above them is the minute, beneath the segment size, both under the hash.
const BITS: u32 = 24;
const MASK: u32 = (1 << BITS) - 1;

/// The segment sizes that a cookie can tell: the commonest (`msstab` of either family).
const SIZES_V4: [u16; 4] = [536, 1300, 1440, 1460];
const SIZES_V6: [u16; 4] = [1280 - 60, 1480 - 60, 1500 - 60, 9000 - 60];

/// `TSBITS`: low bits of a timestamp that carry options.
const OPTION_BITS: u32 = 6;
/// The window scale, or this where there is none.
const SCALE: u32 = 0xf;
const SACK: u32 = 1 << 4;
/// `TS_OPT_ECN`
const ECN: u32 = 1 << 5;

/// The keys of a host's cookies.
#[derive(Debug)]
pub(crate) struct CookieKeys {
    base: Keyed,
    minute: Keyed,
}

impl CookieKeys {
    pub(crate) fn new(keyed: Keyed) -> Self {
        Self {
            base: keyed.derived(b"syn cookie"),
            minute: keyed.derived(b"syn cookie minute"),
        }
    }

    /// What the peer's names and sequence number add.
    fn base(&self, tuple: &FourTuple, sequence: Seq) -> u32 {
        low_half(tuple.hash_with(self.base)).wrapping_add(sequence.get())
    }

    /// What hides the segment size: another number each minute.
    fn mask(&self, tuple: &FourTuple, minute: u32) -> u32 {
        let [a, b, c, d, e, f, g, h] = tuple.hash_with(self.minute).to_be_bytes();
        let [i, j, k, l] = minute.to_be_bytes();
        low_half(
            self.minute
                .hash_bytes(&[a, b, c, d, e, f, g, h, i, j, k, l]),
        )
    }

    /// `secure_tcp_syn_cookie`
    fn make(&self, tuple: &FourTuple, sequence: Seq, data: u32, now: Instant) -> Seq {
        let minute = minute(now);
        let hidden = self.mask(tuple, minute).wrapping_add(data) & MASK;
        let cookie = self
            .base(tuple, sequence)
            .wrapping_add(minute << BITS)
            .wrapping_add(hidden);
        Seq::new(cookie)
    }

    /// `check_tcp_syn_cookie`: the data, unless it is no cookie or an old one.
    fn open(&self, tuple: &FourTuple, sequence: Seq, cookie: Seq, now: Instant) -> Option<u32> {
        let cookie = cookie.get().wrapping_sub(self.base(tuple, sequence));
        let age = minute(now).wrapping_sub(cookie >> BITS) & (u32::MAX >> BITS);
        if age >= OLDEST {
            return None;
        }
        let mask = self.mask(tuple, minute(now).wrapping_sub(age));
        Some(cookie.wrapping_sub(mask) & MASK)
    }
}

fn minute(now: Instant) -> u32 {
    u32::try_from((now.as_millis() / 60_000) & u64::from(u32::MAX)).unwrap_or(0)
}

fn low_half(hash: u64) -> u32 {
    let [.., a, b, c, d] = hash.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

fn sizes(tuple: &FourTuple) -> &'static [u16; 4] {
    if tuple.remote.is_ipv4() {
        &SIZES_V4
    } else {
        &SIZES_V6
    }
}

/// The SYN-ACK whose sequence number is a cookie. Nothing is kept.
pub(super) fn answer(
    keys: &CookieKeys,
    tuple: &FourTuple,
    syn: &Segment,
    mut settings: Settings,
    now: Instant,
) -> Option<OutgoingSegment> {
    let mut offered = syn.clone();
    if !settings.timestamps || offered.options.timestamps.is_none() {
        // There is nowhere to keep them.
        offered.options.window_scale = None;
        offered.options.sack_permitted = false;
        offered.flags.remove(TcpFlags::ECE | TcpFlags::CWR);
    }
    let told = offered.options.mss.unwrap_or(settings.default_mss);
    // The largest that is no more than what the peer takes; the smallest if none is.
    let size = sizes(tuple)
        .iter()
        .rposition(|size| *size <= told)
        .unwrap_or(0);
    let data = u32::try_from(size).unwrap_or(0);
    settings.isn = keys.make(tuple, syn.sequence, data, now);
    let offset = settings.timestamp_offset;
    let mut answer = Connection::accept(settings, &offered, now).poll_transmit(now)?;
    let ecn = if answer.segment.has(TcpFlags::ECE) {
        ECN
    } else {
        0
    };
    let options = &mut answer.segment.options;
    let sack = if options.sack_permitted { SACK } else { 0 };
    let scale = match options.window_scale {
        Some(_) => u32::from(
            offered
                .options
                .window_scale
                .map_or(0, |scale| scale.min(14)),
        ),
        None => SCALE,
    };
    if let Some(timestamps) = &mut options.timestamps {
        // `cookie_init_timestamp`: never later than the present.
        let clock = timestamps.value.wrapping_sub(offset);
        let bits = ecn | sack | scale;
        let mut value = clock >> OPTION_BITS << OPTION_BITS | bits;
        if value > clock {
            value = value.wrapping_sub(1 << OPTION_BITS);
        }
        timestamps.value = value.wrapping_add(offset);
    }
    Some(answer)
}

/// What an acknowledgment says of the SYN, if its number is a cookie of ours.
pub(super) fn syn_of(
    keys: &CookieKeys,
    tuple: &FourTuple,
    acknowledgment: &Segment,
    settings: &Settings,
    now: Instant,
) -> Option<Segment> {
    let sequence = acknowledgment.sequence - 1;
    let cookie = acknowledgment.acknowledgment - 1;
    let data = keys.open(tuple, sequence, cookie, now)?;
    let size = *sizes(tuple).get(usize::try_from(data).ok()?)?;
    let mut syn = Segment {
        sequence,
        flags: TcpFlags::SYN,
        window: acknowledgment.window,
        ..Segment::default()
    };
    syn.options.mss = Some(size);
    if let (true, Some(timestamps)) = (settings.timestamps, acknowledgment.options.timestamps) {
        syn.options.timestamps = Some(timestamps);
        let bits = timestamps.echo.wrapping_sub(settings.timestamp_offset);
        syn.options.sack_permitted = bits & SACK != 0;
        if bits & ECN != 0 {
            // Whether that is taken depends on the present setting (`cookie_ecn_ok`).
            syn.flags |= TcpFlags::ECE | TcpFlags::CWR;
        }
        let scale = u8::try_from(bits & SCALE).unwrap_or(0);
        syn.options.window_scale = (u32::from(scale) != SCALE).then_some(scale);
        // `cookie_timestamp_decode`: what was not on offer can't have been accepted.
        if syn.options.sack_permitted && !settings.sack
            || syn.options.window_scale.is_some() && !settings.window_scaling
        {
            return None;
        }
    }
    Some(syn)
}

#[cfg(test)]
mod tests;
