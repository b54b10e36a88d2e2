//! Which of the program's files are still open, without holding any of them.
//!
//! The supervisor must know when the last descriptor of a socket is closed, but `close` is not trapped, and a duplicate
//! of its own would keep the file open for ever. An epoll item does neither: it does not pin its file, and the kernel
//! removes it at the file's last close. So every file of the program is entered into one epoll instance of its own, and
//! `/proc/self/fdinfo` of that instance lists which are alive. Besides, the item reports when the far end of a
//! connection that the supervisor holds no end of goes away, which says when a census is worth taking.
//!
//! An item's key is the pair of file and descriptor number, so all are entered under one reserved number.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use crate::slab::Id;
use crate::sys::{self, Epoll};

/// The register of files.
#[derive(Debug)]
pub(crate) struct Census {
    epoll: Epoll,
    number: RawFd,
    /// Keeps the reserved number taken between entries.
    placeholder: Option<OwnedFd>,
    device: OwnedFd,
}

impl Census {
    pub(crate) fn new() -> io::Result<Census> {
        let device: OwnedFd = std::fs::File::open("/dev/null")?.into();
        let placeholder = device.try_clone()?;
        Ok(Census {
            epoll: Epoll::new()?,
            number: placeholder.as_raw_fd(),
            placeholder: Some(placeholder),
            device,
        })
    }

    fn with_reserved(
        &mut self,
        file: BorrowedFd<'_>,
        act: impl FnOnce(&Epoll, BorrowedFd<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        // The number is never free in between: dup3 replaces what is there.
        if let Some(placeholder) = self.placeholder.take() {
            // The number now belongs to the duplicate below.
            let _number = std::os::fd::IntoRawFd::into_raw_fd(placeholder);
        }
        let reserved = sys::duplicate_to(file, self.number)?;
        let answer = act(&self.epoll, reserved.as_fd());
        let _number = std::os::fd::IntoRawFd::into_raw_fd(reserved);
        self.placeholder = Some(sys::duplicate_to(self.device.as_fd(), self.number)?);
        answer
    }

    /// Enters a file. `hang_ups`: report once when both directions of its connection have ended.
    pub(crate) fn enter(&mut self, file: BorrowedFd<'_>, id: Id, hang_ups: bool) -> io::Result<()> {
        // Errors and hang-ups are always reported, so a file that shows them by its nature is entered as used up.
        let events = if hang_ups {
            sys::ONESHOT | sys::HUP
        } else {
            sys::EDGE | sys::ONESHOT
        };
        self.with_reserved(file, |epoll, reserved| {
            epoll.add(reserved, events, id.to_bits())
        })
    }

    /// From now on report when the connection has ended.
    pub(crate) fn report_hang_up(&mut self, file: BorrowedFd<'_>, id: Id) -> io::Result<()> {
        let events = sys::ONESHOT | sys::HUP;
        self.with_reserved(file, |epoll, reserved| {
            epoll.modify(reserved, events, id.to_bits())
        })
    }

    /// Files whose connection has ended since the last time.
    pub(crate) fn hung_up(&self, events: &mut Vec<libc::epoll_event>) -> io::Result<()> {
        self.epoll.wait(events, Some(std::time::Duration::ZERO))
    }

    /// The files that somebody still has open.
    pub(crate) fn alive(&self) -> io::Result<BTreeSet<Id>> {
        let text = std::fs::read_to_string(format!(
            "/proc/self/fdinfo/{}",
            self.epoll.as_fd().as_raw_fd()
        ))?;
        Ok(parse(&text).collect())
    }
}

impl AsFd for Census {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

/// The data words of an epoll instance's `fdinfo`.
fn parse(text: &str) -> impl Iterator<Item = Id> + '_ {
    text.lines()
        .filter(|line| line.starts_with("tfd:"))
        .filter_map(|line| {
            let (_, rest) = line.split_once("data:")?;
            let word = rest.split_ascii_whitespace().next()?;
            Some(Id::from_bits(u64::from_str_radix(word, 16).ok()?))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> Id {
        Id::from_bits(number)
    }

    #[test]
    fn a_file_counts_as_long_as_somebody_has_it() {
        let mut census = Census::new().unwrap();
        let first = sys::socket(libc::AF_UNIX, libc::SOCK_STREAM, false).unwrap();
        let second = sys::socket(libc::AF_UNIX, libc::SOCK_DGRAM, false).unwrap();
        census.enter(first.as_fd(), id(1), false).unwrap();
        census.enter(second.as_fd(), id(2), false).unwrap();
        let duplicate = first.try_clone().unwrap();
        drop(first);
        assert_eq!(census.alive().unwrap(), BTreeSet::from([id(1), id(2)]));
        drop(duplicate);
        assert_eq!(census.alive().unwrap(), BTreeSet::from([id(2)]));
        drop(second);
        assert!(census.alive().unwrap().is_empty());
    }

    #[test]
    fn the_far_ends_close_is_reported_once() {
        let mut census = Census::new().unwrap();
        let mut events = Vec::with_capacity(8);
        let file = sys::socket(libc::AF_UNIX, libc::SOCK_STREAM, false).unwrap();
        census.enter(file.as_fd(), id(7), false).unwrap();
        // An unconnected socket hangs up by nature: reported once at most, and only to be ignored.
        census.hung_up(&mut events).unwrap();
        let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
        census.enter(near.as_fd(), id(8), true).unwrap();
        census.hung_up(&mut events).unwrap();
        assert!(events.is_empty());
        drop(far);
        census.hung_up(&mut events).unwrap();
        let told: Vec<u64> = events.iter().map(|event| event.u64).collect();
        assert_eq!(told, [8]);
        census.hung_up(&mut events).unwrap();
        assert!(events.is_empty());
    }

    #[test]
    fn an_entry_is_changed_under_the_reserved_number() {
        let mut census = Census::new().unwrap();
        let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
        census.enter(near.as_fd(), id(3), false).unwrap();
        census.report_hang_up(near.as_fd(), id(3)).unwrap();
        drop(far);
        let mut events = Vec::with_capacity(8);
        census.hung_up(&mut events).unwrap();
        assert_eq!(events.len(), 1);
    }
}
