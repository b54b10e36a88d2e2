//! The kernel arm: plain system calls, every socket non-blocking.
//!
//! The calling thread gets a network namespace of its own, so that ports, abstract names and TIME-WAIT records are nobody
//! else's and no packet leaves; without the privilege for that, in a user namespace. The thread stays on one CPU:
//! loopback packets are then delivered before the call that sent them returns.

mod message;
mod namespace;
mod stamping;

use std::collections::{BTreeMap, BTreeSet};
use std::mem::size_of;
use std::path::PathBuf;

use libc::{c_int, socklen_t};

use crate::sockets::{Answer, Question, Received};
use crate::{Address, Handle, Message, Reception, Sockets};

pub use namespace::{Privilege, acquire_privilege, isolate};

/// Real sockets of this process.
#[derive(Debug)]
pub struct Kernel {
    files: BTreeMap<Handle, c_int>,
    /// The inode of each socket that was ever made: what a passed descriptor is recognised by.
    inodes: BTreeMap<u64, Handle>,
    directory: PathBuf,
    next_port: u16,
    /// The ports that the kernel chose for sockets.
    chosen: BTreeSet<u16>,
    has_coincidence: bool,
}

/// The answer of a call that says -1 on error.
fn check(result: c_int) -> Answer<c_int> {
    if result < 0 {
        Err(last_error())
    } else {
        Ok(result)
    }
}

fn last_error() -> i32 {
    std::io::Error::last_os_error()
        .raw_os_error()
        .unwrap_or(libc::EIO)
}

/// A length as `socklen_t`.
fn socklen(length: usize) -> socklen_t {
    socklen_t::try_from(length).unwrap_or(socklen_t::MAX)
}

impl Kernel {
    /// An arm for the current thread, which should have been [`isolate`]d; paths go below `directory`, which exists.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self {
            files: BTreeMap::new(),
            inodes: BTreeMap::new(),
            directory,
            next_port: 20_000,
            chosen: BTreeSet::new(),
            has_coincidence: false,
        }
    }

    /// The kernel has chosen the same port for two sockets. It may, as long as their connections differ; but which ports are
    /// alike is then a matter of chance, and the trace says nothing.
    #[must_use]
    pub fn has_coincidence(&self) -> bool {
        self.has_coincidence
    }

    /// A call that may make the kernel choose a port.
    fn choosing<T>(&mut self, socket: Handle, call: impl FnOnce(&mut Self) -> T) -> T {
        let had_none = self.local_port(socket) == Some(0);
        let result = call(self);
        if had_none
            && let Some(port @ 1..) = self.local_port(socket)
            && !self.chosen.insert(port)
        {
            self.has_coincidence = true;
        }
        result
    }

    fn local_port(&self, socket: Handle) -> Option<u16> {
        match self.name(socket, libc::getsockname) {
            Ok(Address::Inet { port, .. }) => Some(port),
            _ => None,
        }
    }

    fn file(&self, socket: Handle) -> c_int {
        self.files.get(&socket).copied().unwrap_or(-1)
    }

    fn keep(&mut self, slot: Handle, file: c_int) {
        if let Some(inode) = inode(file) {
            self.inodes.insert(inode, slot);
        }
        self.files.insert(slot, file);
    }

    /// Which socket of the case a descriptor is, by inode.
    fn identify(&self, file: c_int) -> Option<Handle> {
        inode(file).and_then(|inode| self.inodes.get(&inode).copied())
    }

    fn name(
        &self,
        socket: Handle,
        call: unsafe extern "C" fn(c_int, *mut libc::sockaddr, *mut socklen_t) -> c_int,
    ) -> Answer<Address> {
        let mut room = [0_u8; 128];
        let mut length = socklen(room.len());
        // SAFETY: `room` is writable for `length` bytes.
        check(unsafe { call(self.file(socket), room.as_mut_ptr().cast(), &raw mut length) })?;
        let length = usize::try_from(length).unwrap_or(0).min(room.len());
        Ok(Address::decode(&room[..length], &self.directory))
    }

    fn with_address(
        &self,
        socket: Handle,
        address: &Address,
        call: unsafe extern "C" fn(c_int, *const libc::sockaddr, socklen_t) -> c_int,
    ) -> Answer<()> {
        let bytes = address.encode(&self.directory);
        // A null pointer goes with a plausible length: with 0, Linux would not look at the pointer.
        let (pointer, length) = bytes
            .as_ref()
            .map_or((std::ptr::null(), 16), |b| (b.as_ptr(), b.len()));
        // SAFETY: `pointer` is readable for `length` bytes or null, which the kernel refuses.
        check(unsafe { call(self.file(socket), pointer.cast(), socklen(length)) }).map(drop)
    }
}

fn inode(file: c_int) -> Option<u64> {
    // SAFETY: all zeroes is a valid `stat`.
    let mut status: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: `status` is writable.
    (unsafe { libc::fstat(file, &raw mut status) } == 0).then_some(status.st_ino)
}

impl Sockets for Kernel {
    fn socket(&mut self, slot: Handle, domain: i32, kind: i32, protocol: i32) -> Answer<()> {
        // SAFETY: no pointers.
        let file = check(unsafe {
            libc::socket(
                domain,
                kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC,
                protocol,
            )
        })?;
        self.keep(slot, file);
        Ok(())
    }

    fn socketpair(
        &mut self,
        slots: [Handle; 2],
        domain: i32,
        kind: i32,
        protocol: i32,
    ) -> Answer<()> {
        let mut files = [0; 2];
        let kind = kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: `files` is room for two descriptors.
        check(unsafe { libc::socketpair(domain, kind, protocol, files.as_mut_ptr()) })?;
        self.keep(slots[0], files[0]);
        self.keep(slots[1], files[1]);
        Ok(())
    }

    fn bind(&mut self, socket: Handle, address: &Address) -> Answer<()> {
        if matches!(address, Address::Inet { port: 0, .. }) {
            self.choosing(socket, |arm| arm.with_address(socket, address, libc::bind))
        } else {
            self.with_address(socket, address, libc::bind)
        }
    }

    fn listen(&mut self, socket: Handle, backlog: i32) -> Answer<()> {
        self.choosing(socket, |arm| {
            // SAFETY: no pointers.
            check(unsafe { libc::listen(arm.file(socket), backlog) }).map(drop)
        })
    }

    fn accept(&mut self, socket: Handle, slot: Handle) -> Answer<Address> {
        let mut room = [0_u8; 128];
        let mut length = socklen(room.len());
        let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: `room` is writable for `length` bytes.
        let file = check(unsafe {
            libc::accept4(
                self.file(socket),
                room.as_mut_ptr().cast(),
                &raw mut length,
                flags,
            )
        })?;
        self.keep(slot, file);
        let length = usize::try_from(length).unwrap_or(0).min(room.len());
        Ok(Address::decode(&room[..length], &self.directory))
    }

    fn connect(&mut self, socket: Handle, address: &Address) -> Answer<()> {
        self.choosing(socket, |arm| {
            arm.with_address(socket, address, libc::connect)
        })
    }

    fn local(&mut self, socket: Handle) -> Answer<Address> {
        self.name(socket, libc::getsockname)
    }

    fn peer(&mut self, socket: Handle) -> Answer<Address> {
        self.name(socket, libc::getpeername)
    }

    fn send(&mut self, socket: Handle, message: &Message) -> Answer<usize> {
        self.choosing(socket, |arm| arm.send_message(socket, message))
    }

    fn receive(&mut self, socket: Handle, reception: &Reception) -> Answer<Received> {
        self.receive_message(socket, reception)
    }

    fn shutdown(&mut self, socket: Handle, how: i32) -> Answer<()> {
        // SAFETY: no pointers.
        check(unsafe { libc::shutdown(self.file(socket), how) }).map(drop)
    }

    fn close(&mut self, socket: Handle) -> Answer<()> {
        let file = self.files.remove(&socket).unwrap_or(-1);
        // SAFETY: the descriptor was ours and is forgotten now.
        check(unsafe { libc::close(file) }).map(drop)
    }

    fn set(&mut self, socket: Handle, level: i32, name: i32, value: &[u8]) -> Answer<()> {
        // SAFETY: `value` is readable for its length.
        check(unsafe {
            libc::setsockopt(
                self.file(socket),
                level,
                name,
                value.as_ptr().cast(),
                socklen(value.len()),
            )
        })
        .map(drop)
    }

    fn get(&mut self, socket: Handle, level: i32, name: i32, length: usize) -> Answer<Vec<u8>> {
        let (answer, mut room, given) = self.get_into(socket, level, name, length);
        answer?;
        room.truncate(given);
        Ok(room)
    }

    fn length_after(
        &mut self,
        socket: Handle,
        level: i32,
        name: i32,
        length: usize,
    ) -> (Answer<()>, usize) {
        let (answer, _, given) = self.get_into(socket, level, name, length);
        (answer, given)
    }

    fn readiness(&mut self, socket: Handle) -> i16 {
        self.poll(socket, EVERYTHING, 0)
    }

    fn ask(&mut self, socket: Handle, question: Question) -> Answer<i32> {
        let request = match question {
            Question::Unread => libc::FIONREAD,
            Question::Unsent => libc::TIOCOUTQ,
            Question::AtMark => SIOCATMARK,
        };
        let mut value: c_int = 0;
        // SAFETY: each of the requests writes one int.
        check(unsafe { libc::ioctl(self.file(socket), request, &raw mut value) })?;
        Ok(value)
    }

    fn settle(&mut self) {
        self.pass(2);
    }

    fn wait(&mut self, socket: Handle, events: i16) {
        self.poll(socket, events, 4000);
    }

    fn pass(&mut self, milliseconds: u32) {
        // SAFETY: no descriptors, only a time.
        unsafe {
            libc::poll(
                std::ptr::null_mut(),
                0,
                c_int::try_from(milliseconds).unwrap_or(c_int::MAX),
            )
        };
    }

    fn fresh_port(&mut self) -> u16 {
        // Below the ephemeral ports, and nobody else is in the namespace.
        self.next_port += 1;
        self.next_port
    }
}

/// All that `poll` can be asked for.
const EVERYTHING: i16 =
    libc::POLLIN | libc::POLLPRI | libc::POLLOUT | libc::POLLRDHUP | libc::POLLERR | libc::POLLHUP;

/// `SIOCATMARK`, which the `libc` crate lacks for Linux.
const SIOCATMARK: libc::Ioctl = 0x8905;

impl Kernel {
    /// `getsockopt`: what it answers, what it wrote, and the length.
    fn get_into(
        &self,
        socket: Handle,
        level: i32,
        name: i32,
        length: usize,
    ) -> (Answer<()>, Vec<u8>, usize) {
        // A length that is negative as an int is refused before anything is written.
        let is_negative = i32::try_from(length).is_err();
        let mut room = vec![0_u8; if is_negative { 1 } else { length.max(1) }];
        let mut given = socklen(length);
        // SAFETY: `room` is writable for `given` bytes.
        let answer = check(unsafe {
            libc::getsockopt(
                self.file(socket),
                level,
                name,
                room.as_mut_ptr().cast(),
                &raw mut given,
            )
        });
        let given = usize::try_from(given).unwrap_or(0);
        (answer.map(|_| ()), room, given)
    }

    fn poll(&self, socket: Handle, events: i16, timeout: c_int) -> i16 {
        let file = self.file(socket);
        if file < 0 {
            return libc::POLLNVAL;
        }
        let mut entry = libc::pollfd {
            fd: file,
            events,
            revents: 0,
        };
        // SAFETY: one valid entry.
        unsafe { libc::poll(&raw mut entry, 1, timeout) };
        entry.revents
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        for file in self.files.values() {
            // SAFETY: the descriptor is ours and nobody uses it any more.
            unsafe { libc::close(*file) };
        }
    }
}

/// The size of a C `int`.
pub const INT: usize = size_of::<c_int>();
