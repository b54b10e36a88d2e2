//! How fast a wire is.
use core::fmt;
use core::num::NonZeroU32;
use core::str::FromStr;
use std::time::Duration;

use super::NetemError;
use super::probability::decimal;

/// How many bits a second. Text as in `tc`: `10mbit`, `1.5gbit`, `64kbps` (bytes), `8000` (bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bandwidth(u64);

/// Units of `tc`, in bits a second; `bps` is bytes a second.
const UNITS: [(&str, u64); 17] = [
    ("kibps", 8 << 10),
    ("mibps", 8 << 20),
    ("gibps", 8 << 30),
    ("tibps", 8 << 40),
    ("tbps", 8_000_000_000_000),
    ("tibit", 1 << 40),
    ("tbit", 1_000_000_000_000),
    ("kibit", 1 << 10),
    ("mibit", 1 << 20),
    ("gibit", 1 << 30),
    ("kbit", 1_000),
    ("mbit", 1_000_000),
    ("gbit", 1_000_000_000),
    ("kbps", 8_000),
    ("mbps", 8_000_000),
    ("gbps", 8_000_000_000),
    ("bps", 8),
];

impl Bandwidth {
    /// So many bits a second; zero counts as one.
    pub fn bits_per_second(bits: u64) -> Self {
        Bandwidth(bits.max(1))
    }

    /// How long it takes to send so many bytes.
    pub fn time_for(self, bytes: usize) -> Duration {
        let nanos = u128::try_from(bytes).unwrap_or(0) * 8 * 1_000_000_000 / u128::from(self.0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// What a wire adds to each frame: `rate RATE [PACKETOVERHEAD [CELLSIZE [CELLOVERHEAD]]]`, for example `rate 1mbit 0 48 5` for ATM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Framing {
    /// Bytes that each frame has more, or fewer.
    pub packet_overhead: i32,
    /// Bytes of the cells that a frame is cut into, the last one filled up; 0 if it is not.
    pub cell_size: u32,
    /// Bytes that each cell has more, or fewer.
    pub cell_overhead: i32,
}

impl Framing {
    /// How many bytes a frame of this length takes on the wire.
    pub fn length(self, frame: usize) -> usize {
        let frame = i64::try_from(frame).unwrap_or(i64::MAX);
        let mut length = frame.saturating_add(self.packet_overhead.into()).max(0);
        if let Some(cell) = NonZeroU32::new(self.cell_size) {
            let cell = i64::from(cell.get());
            let cells = length / cell + i64::from(length % cell != 0);
            length = cells.saturating_mul((cell + i64::from(self.cell_overhead)).max(0));
        }
        usize::try_from(length).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = [
            ("gbit", 1_000_000_000),
            ("mbit", 1_000_000),
            ("kbit", 1_000),
        ];
        match unit.iter().find(|(_, size)| self.0.is_multiple_of(*size)) {
            Some((name, size)) => write!(f, "{}{name}", self.0 / size),
            None => write!(f, "{}bit", self.0),
        }
    }
}

impl FromStr for Bandwidth {
    type Err = NetemError;

    fn from_str(text: &str) -> Result<Self, NetemError> {
        let bad = || NetemError::new(text, "a rate such as 10mbit");
        let lower = text.to_ascii_lowercase();
        let (number, unit) = UNITS
            .iter()
            .find_map(|(name, size)| lower.strip_suffix(name).map(|number| (number, *size)))
            .unwrap_or_else(|| (lower.strip_suffix("bit").unwrap_or(&lower), 1));
        let thousandths = decimal(number, 3).ok_or_else(bad)?;
        let bits = u128::from(thousandths) * u128::from(unit) / 1000;
        match u64::try_from(bits) {
            Ok(bits) if bits > 0 => Ok(Bandwidth(bits)),
            _ => Err(bad()),
        }
    }
}
