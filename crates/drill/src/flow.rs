//! A connection as the script sees it: its numbers begin at 0, the live ones anywhere.

use std::net::IpAddr;

const SYN: u16 = 2;

/// The two ends of a flow, and how the script's numbers become live ones.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) local: (IpAddr, u16),
    pub(crate) remote: (IpAddr, u16),
    /// Live sequence numbers of the stack under test less the script's. Unknown until its SYN was seen.
    pub(crate) local_offset: Option<u32>,
    /// The script's sequence number of the remote SYN.
    pub(crate) remote_start: Option<u32>,
    /// The script's sequence numbers of the first SYNs, of the stack under test and of the other end: what has no SYN counts
    /// from there.
    pub(crate) bases: (u32, u32),
    /// The script's sequence number of a further remote SYN: it counts if the stack answers it as a new connection.
    pub(crate) reopening: Option<u32>,
    /// The script's timestamps of the stack under test with the live ones.
    timestamps: Vec<(u32, u32)>,
    /// The first live timestamp of the stack under test, and when it was sent.
    pub(crate) clock: Option<(u32, i64)>,
    /// Whether urgent data came in: the reader may not see it in the stream.
    pub(crate) is_urgent: bool,
    /// The script's descriptor of its socket.
    pub(crate) fd: Option<i32>,
    /// The script has closed it.
    pub(crate) is_closed: bool,
    /// The script has gone on to another socket: what this one still sends is of no interest until it comes back.
    pub(crate) is_aside: bool,
    /// The last segment that the stack sent: what an ICMP message is about unless it says.
    pub(crate) last_sent: Option<(u32, usize)>,
}

impl Flow {
    pub(crate) fn new(local: (IpAddr, u16), remote: (IpAddr, u16)) -> Self {
        Self {
            local,
            remote,
            local_offset: None,
            remote_start: None,
            bases: (0, 0),
            reopening: None,
            timestamps: Vec::new(),
            clock: None,
            is_urgent: false,
            fd: None,
            is_closed: false,
            is_aside: false,
            last_sent: None,
        }
    }

    /// The live number for the script's, in a segment with these flags.
    pub(crate) fn live_local(&self, script: u32, flags: u16) -> u32 {
        let base = if flags & SYN != 0 { 0 } else { self.bases.0 };
        script
            .wrapping_add(base)
            .wrapping_add(self.local_offset.unwrap_or(0))
    }

    /// The script's number for the live one, in a segment with these flags.
    pub(crate) fn script_local(&self, live: u32, flags: u16) -> u32 {
        let base = if flags & SYN != 0 { 0 } else { self.bases.0 };
        live.wrapping_sub(self.local_offset.unwrap_or(0))
            .wrapping_sub(base)
    }

    /// From where the other end's numbers count in a segment with these flags.
    pub(crate) fn remote_base(&self, flags: u16) -> u32 {
        if flags & SYN != 0 { 0 } else { self.bases.1 }
    }

    /// Notes that the script calls a live timestamp so.
    pub(crate) fn note_timestamp(&mut self, script: u32, live: u32) {
        self.timestamps.retain(|(known, _)| *known != script);
        self.timestamps.push((script, live));
    }

    /// The live timestamp for the script's: as noted, else as far from the first one as the script says.
    pub(crate) fn live_timestamp(&self, script: u32) -> u32 {
        let known = self.timestamps.iter().find(|(known, _)| *known == script);
        match (known, self.timestamps.first()) {
            (Some((_, live)), _) => *live,
            (None, Some((first, live))) => live.wrapping_add(script.wrapping_sub(*first)),
            (None, None) => script,
        }
    }

    /// The script's timestamp for a live one.
    pub(crate) fn script_timestamp(&self, live: u32) -> u32 {
        let known = self.timestamps.iter().find(|(_, known)| *known == live);
        match (known, self.timestamps.first()) {
            (Some((script, _)), _) => *script,
            (None, Some((script, first))) => script.wrapping_add(live.wrapping_sub(*first)),
            (None, None) => live,
        }
    }
}

/// The byte at an offset of a stream, the same on both sides so that each can tell what should be there.
pub(crate) fn byte(offset: usize) -> u8 {
    // A prime period: a shift by a segment or a power of two shows.
    u8::try_from(offset % 251).unwrap_or(0)
}

/// A stretch of a stream.
pub(crate) fn bytes(from: usize, length: usize) -> Vec<u8> {
    (from..from.saturating_add(length)).map(byte).collect()
}
