//! TCP options (RFC 9293 3.2, 7323, 2018, 7413, 5482).
//!
//! Read as Linux reads them: a broken length ends the walk, an option of a wrong length is skipped, and of an option that
//! occurs twice the last one counts. Written in Linux's order and with its padding.

const END: u8 = 0;
const NOP: u8 = 1;
const MSS: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const SACK: u8 = 5;
const TIMESTAMPS: u8 = 8;
const USER_TIMEOUT: u8 = 28;
const FAST_OPEN: u8 = 34;
/// RFC 6994 shared experimental option.
const EXPERIMENTAL: u8 = 254;
/// The experiment number under which Fast Open was used before it got its own kind (RFC 7413 4.1.1, appendix B).
const FAST_OPEN_MAGIC: [u8; 2] = [0xf9, 0x89];

/// The timestamps option (RFC 7323 3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timestamps {
    /// The sender's clock (TSval).
    pub value: u32,
    /// The last value received from the other side (TSecr).
    pub echo: u32,
}

impl Timestamps {
    /// The option behind two bytes that align it.
    fn to_bytes(self, [x, y]: [u8; 2]) -> [u8; 12] {
        let [a, b, c, d] = self.value.to_be_bytes();
        let [e, f, g, h] = self.echo.to_be_bytes();
        [x, y, TIMESTAMPS, 10, a, b, c, d, e, f, g, h]
    }
}

/// Up to four ranges of data received out of order, each from its first byte to one past its last (RFC 2018 3).
#[derive(Clone, Copy, Default)]
pub struct SackBlocks {
    blocks: [(u32, u32); SackBlocks::MAX],
    count: u8,
}

impl SackBlocks {
    /// As many as fit in a header.
    pub const MAX: usize = 4;

    /// No blocks.
    pub const fn new() -> Self {
        SackBlocks {
            blocks: [(0, 0); SackBlocks::MAX],
            count: 0,
        }
    }

    /// Adds a block; false if there are four already.
    pub fn push(&mut self, start: u32, end: u32) -> bool {
        match self.blocks.get_mut(usize::from(self.count)) {
            Some(slot) => {
                *slot = (start, end);
                self.count += 1;
                true
            }
            None => false,
        }
    }

    /// Keeps the first `count` blocks.
    pub fn truncate(&mut self, count: usize) {
        self.count = self.count.min(u8::try_from(count).unwrap_or(u8::MAX));
    }

    /// The blocks in order.
    pub fn as_slice(&self) -> &[(u32, u32)] {
        self.blocks
            .get(..usize::from(self.count))
            .unwrap_or(&self.blocks)
    }

    /// The blocks in order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.as_slice().iter().copied()
    }

    /// How many blocks there are.
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// True if there is no block.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl PartialEq for SackBlocks {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for SackBlocks {}

impl core::fmt::Debug for SackBlocks {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

impl FromIterator<(u32, u32)> for SackBlocks {
    /// Takes the first four.
    fn from_iter<I: IntoIterator<Item = (u32, u32)>>(blocks: I) -> Self {
        let mut result = SackBlocks::new();
        for (start, end) in blocks.into_iter().take(SackBlocks::MAX) {
            result.push(start, end);
        }
        result
    }
}

/// A Fast Open cookie; an empty one asks for a cookie (RFC 7413 4.1.1).
#[derive(Clone, Copy, Default)]
pub struct FastOpenCookie {
    bytes: [u8; FastOpenCookie::MAX],
    length: u8,
    /// In the experimental option.
    is_experimental: bool,
}

impl FastOpenCookie {
    /// The longest cookie.
    pub const MAX: usize = 16;

    /// The request for a cookie.
    pub const REQUEST: FastOpenCookie = FastOpenCookie {
        bytes: [0; FastOpenCookie::MAX],
        length: 0,
        is_experimental: false,
    };

    /// A cookie: 4 to 16 bytes and an even number, or none for a request. `None` for other lengths.
    pub fn new(cookie: &[u8]) -> Option<Self> {
        let length = u8::try_from(cookie.len()).ok()?;
        if length != 0 && (!(4..=16).contains(&length) || length % 2 == 1) {
            return None;
        }
        let mut bytes = [0; FastOpenCookie::MAX];
        for (to, from) in bytes.iter_mut().zip(cookie) {
            *to = *from;
        }
        Some(FastOpenCookie {
            bytes,
            length,
            is_experimental: false,
        })
    }

    /// The same in the option that was used before Fast Open had a number of its own (RFC 7413 appendix B), or not.
    pub const fn experimental(mut self, is_experimental: bool) -> Self {
        self.is_experimental = is_experimental;
        self
    }

    /// Whether it came, or is to go, in the experimental option.
    pub const fn is_experimental(&self) -> bool {
        self.is_experimental
    }

    /// The cookie's bytes.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.length))
            .unwrap_or(&self.bytes)
    }

    /// True if this asks for a cookie.
    pub fn is_request(&self) -> bool {
        self.length == 0
    }
}

impl PartialEq for FastOpenCookie {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice() && self.is_experimental == other.is_experimental
    }
}

impl Eq for FastOpenCookie {}

impl core::fmt::Debug for FastOpenCookie {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "FastOpenCookie({:02x?})", self.as_slice())
    }
}

/// The options of one segment. Owns no memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpOptions {
    /// Maximum segment size (only in a SYN).
    pub mss: Option<u16>,
    /// Window scale shift (only in a SYN), as received; RFC 7323 2.3 takes more than 14 as 14.
    pub window_scale: Option<u8>,
    /// SACK may be used (only in a SYN).
    pub sack_permitted: bool,
    /// Timestamps.
    pub timestamps: Option<Timestamps>,
    /// SACK blocks.
    pub sack: SackBlocks,
    /// Fast Open cookie or request for one.
    pub fast_open: Option<FastOpenCookie>,
    /// User timeout as on the wire: the top bit says minutes instead of seconds (RFC 5482 3).
    pub user_timeout: Option<u16>,
}

impl TcpOptions {
    /// The longest options field.
    pub const MAX_LEN: usize = 40;

    /// No options.
    pub const NONE: TcpOptions = TcpOptions {
        mss: None,
        window_scale: None,
        sack_permitted: false,
        timestamps: None,
        sack: SackBlocks::new(),
        fast_open: None,
        user_timeout: None,
    };

    /// Reads the options field of a header. Unknown and malformed options are skipped.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut options = TcpOptions::NONE;
        // RFC 7323 appendix A: what nearly every segment looks like.
        if let &[NOP, NOP, TIMESTAMPS, 10, a, b, c, d, e, f, g, h] = bytes {
            options.timestamps = Some(Timestamps {
                value: u32::from_be_bytes([a, b, c, d]),
                echo: u32::from_be_bytes([e, f, g, h]),
            });
            return options;
        }
        let mut rest = bytes;
        while let Some((&kind, tail)) = rest.split_first() {
            match kind {
                END => break,
                NOP => rest = tail,
                _ => {
                    // A length below 2 or beyond the end: what follows can't be found.
                    let Some((data, tail)) = tail
                        .split_first()
                        .and_then(|(&length, tail)| {
                            Some((tail, usize::from(length).checked_sub(2)?))
                        })
                        .and_then(|(tail, length)| tail.split_at_checked(length))
                    else {
                        break;
                    };
                    options.read(kind, data);
                    rest = tail;
                }
            }
        }
        options
    }

    fn read(&mut self, kind: u8, data: &[u8]) {
        match (kind, data) {
            // Linux takes a size of 0 as not given.
            (MSS, &[a, b]) if [a, b] != [0, 0] => self.mss = Some(u16::from_be_bytes([a, b])),
            (WINDOW_SCALE, &[shift]) => self.window_scale = Some(shift),
            (SACK_PERMITTED, []) => self.sack_permitted = true,
            (SACK, data) if !data.is_empty() && data.len() % 8 == 0 => {
                let (blocks, _) = data.as_chunks::<8>();
                self.sack = blocks
                    .iter()
                    .map(|&[a, b, c, d, e, f, g, h]| {
                        (
                            u32::from_be_bytes([a, b, c, d]),
                            u32::from_be_bytes([e, f, g, h]),
                        )
                    })
                    .collect();
            }
            (TIMESTAMPS, &[a, b, c, d, e, f, g, h]) => {
                self.timestamps = Some(Timestamps {
                    value: u32::from_be_bytes([a, b, c, d]),
                    echo: u32::from_be_bytes([e, f, g, h]),
                });
            }
            (USER_TIMEOUT, &[a, b]) => self.user_timeout = Some(u16::from_be_bytes([a, b])),
            (FAST_OPEN, cookie) => {
                if let Some(cookie) = FastOpenCookie::new(cookie) {
                    self.fast_open = Some(cookie);
                }
            }
            (EXPERIMENTAL, data) => {
                if let Some(cookie) = data
                    .strip_prefix(&FAST_OPEN_MAGIC)
                    .and_then(FastOpenCookie::new)
                {
                    self.fast_open = Some(cookie.experimental(true));
                }
            }
            _ => {}
        }
    }

    /// Length of the options field these options make, padding included; a multiple of 4, at most 40.
    pub fn len(&self) -> usize {
        if let Some(stamps) = self.only_timestamps() {
            return if stamps.is_some() { 12 } else { 0 };
        }
        let mut writer = Writer::measure();
        self.write(&mut writer);
        writer.position
    }

    /// True if there is no option.
    pub fn is_empty(&self) -> bool {
        *self == TcpOptions::NONE
    }

    /// How many SACK blocks fit beside the other options.
    pub fn sack_room(&self) -> usize {
        let without = TcpOptions {
            sack: SackBlocks::new(),
            ..*self
        };
        (TcpOptions::MAX_LEN - without.len()).saturating_sub(4) / 8
    }

    /// Writes the options field and returns its length. What does not fit in 40 bytes is left out: first the SACK blocks that
    /// are last, then whole options.
    pub fn emit(&self, room: &mut [u8; TcpOptions::MAX_LEN]) -> usize {
        match self.only_timestamps() {
            Some(None) => return 0,
            Some(Some(stamps)) => {
                if let Some(target) = room.first_chunk_mut() {
                    *target = stamps.to_bytes([NOP, NOP]);
                }
                return 12;
            }
            None => {}
        }
        let mut writer = Writer {
            room: Some(room),
            position: 0,
        };
        self.write(&mut writer);
        writer.position
    }

    /// What nearly every segment has: nothing, or timestamps alone. `None` if there is anything else.
    fn only_timestamps(&self) -> Option<Option<Timestamps>> {
        let alone = self.mss.is_none()
            && self.window_scale.is_none()
            && !self.sack_permitted
            && self.sack.is_empty()
            && self.fast_open.is_none()
            && self.user_timeout.is_none();
        alone.then_some(self.timestamps)
    }

    fn write(&self, out: &mut Writer<'_>) {
        // The order and the grouping are those of Linux's tcp_options_write.
        if let Some(mss) = self.mss {
            let [a, b] = mss.to_be_bytes();
            out.put(&[MSS, 4, a, b]);
        }
        if let Some(stamps) = self.timestamps {
            out.put(&stamps.to_bytes(if self.sack_permitted {
                [SACK_PERMITTED, 2]
            } else {
                [NOP, NOP]
            }));
        } else if self.sack_permitted {
            out.put(&[NOP, NOP, SACK_PERMITTED, 2]);
        }
        if let Some(shift) = self.window_scale {
            out.put(&[NOP, WINDOW_SCALE, 3, shift]);
        }
        if let Some(timeout) = self.user_timeout {
            let [a, b] = timeout.to_be_bytes();
            out.put(&[USER_TIMEOUT, 4, a, b]);
        }
        if let Some(cookie) = &self.fast_open {
            out.put_fast_open(cookie);
        }
        let blocks = self
            .sack
            .len()
            .min((TcpOptions::MAX_LEN - out.position).saturating_sub(4) / 8);
        if blocks > 0 {
            // At most 4 * 8 + 2.
            let length = u8::try_from(blocks * 8 + 2).unwrap_or(0);
            out.put(&[NOP, NOP, SACK, length]);
            for (start, end) in self.sack.iter().take(blocks) {
                let [a, b, c, d] = start.to_be_bytes();
                let [e, f, g, h] = end.to_be_bytes();
                out.put(&[a, b, c, d, e, f, g, h]);
            }
        }
    }
}

/// Writes or only measures, so that length and contents can't disagree.
struct Writer<'a> {
    room: Option<&'a mut [u8; TcpOptions::MAX_LEN]>,
    position: usize,
}

impl Writer<'_> {
    fn measure() -> Self {
        Writer {
            room: None,
            position: 0,
        }
    }

    /// Writes whole words, or nothing if they do not fit.
    fn put<const N: usize>(&mut self, bytes: &[u8; N]) {
        let end = self.position + N;
        if end > TcpOptions::MAX_LEN {
            return;
        }
        if let Some(target) = self
            .room
            .as_mut()
            .and_then(|room| room.get_mut(self.position..end))
        {
            target.copy_from_slice(bytes);
        }
        self.position = end;
    }

    fn put_fast_open(&mut self, cookie: &FastOpenCookie) {
        let magic = if cookie.is_experimental() {
            FAST_OPEN_MAGIC.as_slice()
        } else {
            &[]
        };
        let kind = if magic.is_empty() {
            FAST_OPEN
        } else {
            EXPERIMENTAL
        };
        let cookie = cookie.as_slice();
        let length = magic.len() + cookie.len() + 2;
        let end = self.position + length.next_multiple_of(4);
        if end > TcpOptions::MAX_LEN {
            return;
        }
        if let Some(target) = self
            .room
            .as_mut()
            .and_then(|room| room.get_mut(self.position..end))
        {
            target.fill(NOP);
            let head = [kind, u8::try_from(length).unwrap_or(2)];
            let bytes = head.iter().chain(magic).chain(cookie);
            for (to, from) in target.iter_mut().zip(bytes) {
                *to = *from;
            }
        }
        self.position = end;
    }
}
