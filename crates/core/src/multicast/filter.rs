//! Source filters (RFC 3376 3.2, RFC 3678): from whom a member listens to its group.

use alloc::vec::Vec;
use core::net::IpAddr;

use crate::Errno;

/// What the list of a filter means, with Linux's numbers (`MCAST_EXCLUDE`, `MCAST_INCLUDE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Mode {
    /// Everybody but the sources in the list.
    Exclude = 0,
    /// Nobody but the sources in the list.
    Include = 1,
}

impl Mode {
    pub(crate) fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Exclude),
            1 => Some(Self::Include),
            _ => None,
        }
    }
}

/// What came of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Changed {
    /// The filter is another one.
    Filter,
    /// The last source is gone from an including filter, which is to leave the group.
    Leave,
}

/// The filter of one membership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceFilter {
    mode: Mode,
    /// `None` until there is a source: only then the mode may change.
    sources: Option<Vec<IpAddr>>,
}

impl SourceFilter {
    /// No sources.
    pub(crate) fn new(mode: Mode) -> Self {
        Self {
            mode,
            sources: None,
        }
    }

    /// A whole filter at once (`IP_MSFILTER`).
    pub(crate) fn of(mode: Mode, sources: Vec<IpAddr>) -> Self {
        Self {
            mode,
            sources: Some(sources).filter(|sources| !sources.is_empty()),
        }
    }

    fn sources(&self) -> &[IpAddr] {
        self.sources.as_deref().unwrap_or_default()
    }

    /// Whether a source is listened to.
    pub(crate) fn allows(&self, source: IpAddr) -> bool {
        self.sources().contains(&source) == (self.mode == Mode::Include)
    }

    /// Adds a source to the list, which holds at most `limit` (`ip_mc_source`, `ip6_mc_source`).
    pub(crate) fn add(&mut self, mode: Mode, source: IpAddr, limit: usize) -> Result<(), Errno> {
        self.agree_on(mode)?;
        if self.sources().len() >= limit {
            return Err(Errno::ENOBUFS);
        }
        if self.sources().contains(&source) {
            return Err(Errno::EADDRNOTAVAIL);
        }
        self.sources.get_or_insert_default().push(source);
        Ok(())
    }

    /// Takes a source from the list.
    pub(crate) fn remove(&mut self, mode: Mode, source: IpAddr) -> Result<Changed, Errno> {
        self.agree_on(mode)?;
        let sources = self.sources.as_mut().ok_or(Errno::EADDRNOTAVAIL)?;
        let at = sources.iter().position(|known| *known == source);
        let at = at.ok_or(Errno::EADDRNOTAVAIL)?;
        if sources.len() == 1 && mode == Mode::Include {
            return Ok(Changed::Leave);
        }
        sources.remove(at);
        Ok(Changed::Filter)
    }

    /// A filter that never had a source takes on the mode of the first that is added or taken away.
    fn agree_on(&mut self, mode: Mode) -> Result<(), Errno> {
        if self.mode != mode && self.sources.is_some() {
            return Err(Errno::EINVAL);
        }
        self.mode = mode;
        Ok(())
    }
}
