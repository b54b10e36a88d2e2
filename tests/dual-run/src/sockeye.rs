//! The Sockeye arm: a [`Host`] in process, in virtual time.
//!
//! Addresses and control messages go through `sockeye-linux`, as they do for a real program. A *file* is what a
//! descriptor is to the kernel: shared by the case and by messages in flight, closed when the last of them lets go.
//!
//! After each call the events are drained, and the readiness that they add up to must be what the host answers when
//! asked: an embedder that only listens to events must not miss one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sockeye_core::{
    Ancillary, Config, Credentials, Domain, Errno, Host, Incoming, Instant, MessageFlags, Outgoing,
    Queued, Readiness, Right, Shutdown, SocketAddress, SocketId, SocketType,
};
use sockeye_linux::address::{Purpose, decode, encode};

use crate::sockets::{Answer, Question, Received};
use crate::{Address, Control, Handle, Message, Reception, Sockets, cmsg, sysctl};

/// Sockets of a host of their own.
pub struct Arm {
    host: Host,
    now: Instant,
    files: BTreeMap<Handle, Arc<File>>,
    /// The sockets whose last file was let go of.
    orphans: Arc<Mutex<Vec<SocketId>>>,
    /// What the events said last.
    known: BTreeMap<SocketId, Readiness>,
    next_port: u16,
}

/// An open file of the arm.
struct File {
    id: SocketId,
    slot: Handle,
    domain: Domain,
    kind: SocketType,
    orphans: Arc<Mutex<Vec<SocketId>>>,
}

impl Drop for File {
    fn drop(&mut self) {
        self.orphans
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(self.id);
    }
}

impl fmt::Debug for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arm")
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

impl Default for Arm {
    fn default() -> Self {
        Self::new()
    }
}

/// Where paths are, for addresses.
const DIRECTORY: &str = "/case";

/// Who the caller is on this arm. The kernel arm writes its own as "own", too.
const OWN: Credentials = Credentials {
    pid: 4242,
    uid: 0,
    gid: 0,
};

fn number(errno: Errno) -> i32 {
    errno.number()
}

impl Arm {
    /// A host with the kernel arm's settings.
    #[must_use]
    pub fn new() -> Self {
        let config = Config {
            seed: 1,
            sysctl: sysctl::of_the_kernel_arm(),
            ..Config::default()
        };
        Self {
            host: Host::new(config),
            now: Instant::from_millis(1000),
            files: BTreeMap::new(),
            orphans: Arc::default(),
            known: BTreeMap::new(),
            next_port: 20_000,
        }
    }

    fn file(&self, socket: Handle) -> Answer<Arc<File>> {
        self.files.get(&socket).cloned().ok_or(libc::EBADF)
    }

    fn id(&self, socket: Handle) -> Answer<SocketId> {
        self.file(socket).map(|file| file.id)
    }

    fn keep(&mut self, slot: Handle, id: SocketId, domain: Domain, kind: SocketType) {
        self.known.insert(id, self.host.readiness(id));
        self.files.insert(
            slot,
            Arc::new(File {
                id,
                slot,
                domain,
                kind,
                orphans: self.orphans.clone(),
            }),
        );
    }

    /// What follows every call: a moment passes, orphans are closed, events are noted.
    fn after<T>(&mut self, answer: Result<T, Errno>) -> Answer<T> {
        self.now += Duration::from_micros(1);
        loop {
            let orphans =
                std::mem::take(&mut *self.orphans.lock().unwrap_or_else(PoisonError::into_inner));
            if orphans.is_empty() {
                break;
            }
            for id in orphans {
                self.known.remove(&id);
                let _ = self.host.close(id, self.now);
            }
        }
        self.run_until(self.now);
        answer.map_err(number)
    }

    fn drain_events(&mut self) {
        while let Some((id, readiness)) = self.host.next_event() {
            if let Some(known) = self.known.get_mut(&id) {
                *known = readiness;
            }
        }
    }

    /// Lets virtual time pass up to `target`.
    fn run_until(&mut self, target: Instant) {
        let mut rounds = 0_u32;
        self.drain_events();
        while let Some(deadline) = self
            .host
            .next_deadline()
            .filter(|deadline| *deadline <= target)
        {
            self.now = self.now.max(deadline);
            self.host.advance(self.now);
            self.drain_events();
            rounds += 1;
            assert!(rounds < 1_000_000, "the host keeps asking for {deadline:?}");
        }
        self.now = self.now.max(target);
    }

    fn address(file: &File, address: &Address, purpose: Purpose) -> Answer<SocketAddress> {
        let Some(mut bytes) = address.encode(DIRECTORY.as_ref()) else {
            return Err(libc::EFAULT);
        };
        // sendmsg cuts a name that is too long, the other calls refuse it.
        if purpose == Purpose::Send {
            bytes.truncate(128);
        }
        let number = u16::try_from(file.domain.number()).unwrap_or_default();
        decode(number, file.kind, &bytes, purpose).map_err(|errno| errno.number())
    }

    fn shown(address: &SocketAddress) -> Address {
        Address::decode(&encode(address), DIRECTORY.as_ref())
    }

    /// What the kernel's system-call layer checks before a socket of ours exists.
    fn kind_of(domain: i32, kind: i32) -> Answer<(Domain, SocketType)> {
        if !(0..11).contains(&kind) {
            return Err(libc::EINVAL);
        }
        let domain = Domain::from_number(domain).ok_or(libc::EAFNOSUPPORT)?;
        let kind = SocketType::from_number(kind).ok_or(libc::ESOCKTNOSUPPORT)?;
        Ok((domain, kind))
    }
}

impl Sockets for Arm {
    fn socket(&mut self, slot: Handle, domain: i32, kind: i32, protocol: i32) -> Answer<()> {
        let (domain, kind) = Self::kind_of(domain, kind)?;
        let answer = self.host.socket(domain, kind, protocol, OWN);
        let id = self.after(answer)?;
        self.keep(slot, id, domain, kind);
        Ok(())
    }

    fn socketpair(
        &mut self,
        slots: [Handle; 2],
        domain: i32,
        kind: i32,
        protocol: i32,
    ) -> Answer<()> {
        let (domain, kind) = Self::kind_of(domain, kind)?;
        let answer = self.host.socket_pair(domain, kind, protocol, OWN);
        let (first, second) = self.after(answer)?;
        self.keep(slots[0], first, domain, kind);
        self.keep(slots[1], second, domain, kind);
        Ok(())
    }

    fn bind(&mut self, socket: Handle, address: &Address) -> Answer<()> {
        let file = self.file(socket)?;
        let address = Self::address(&file, address, Purpose::Bind)?;
        let answer = self.host.bind(file.id, &address, self.now);
        self.after(answer)
    }

    fn listen(&mut self, socket: Handle, backlog: i32) -> Answer<()> {
        let id = self.id(socket)?;
        let answer = self.host.listen(id, backlog, self.now);
        self.after(answer)
    }

    fn accept(&mut self, socket: Handle, slot: Handle) -> Answer<Address> {
        let file = self.file(socket)?;
        let answer = self.host.accept(file.id, self.now);
        let accepted = self.after(answer)?;
        self.keep(slot, accepted.socket, file.domain, file.kind);
        Ok(Self::shown(&accepted.peer))
    }

    fn connect(&mut self, socket: Handle, address: &Address) -> Answer<()> {
        let file = self.file(socket)?;
        let address = Self::address(&file, address, Purpose::Connect)?;
        let answer = self.host.connect(file.id, &address, self.now);
        self.after(answer)
    }

    fn local(&mut self, socket: Handle) -> Answer<Address> {
        self.host
            .local_address(self.id(socket)?)
            .map(|address| Self::shown(&address))
            .map_err(number)
    }

    fn peer(&mut self, socket: Handle) -> Answer<Address> {
        self.host
            .peer_address(self.id(socket)?)
            .map(|address| Self::shown(&address))
            .map_err(number)
    }

    fn send(&mut self, socket: Handle, message: &Message) -> Answer<usize> {
        let file = self.file(socket)?;
        // A null name and a name of length 0 are no name.
        let name = message.address.as_ref().filter(|address| {
            address
                .encode(DIRECTORY.as_ref())
                .is_some_and(|bytes| !bytes.is_empty())
        });
        let address = name
            .map(|address| Self::address(&file, address, Purpose::Send))
            .transpose()?;
        // A packet socket without a peer does not look at the message at all.
        let is_lost =
            file.kind == SocketType::SeqPacket && self.host.peer_address(file.id).is_err();
        let control: &[Control] = if is_lost { &[] } else { &message.control };
        let ancillary = self.ancillary(control, file.domain)?;
        let data: Vec<&[u8]> = message.data.iter().map(Vec::as_slice).collect();
        let flags =
            MessageFlags::from_bits_retain(message.flags.cast_unsigned()) | MessageFlags::DONTWAIT;
        let outgoing = Outgoing {
            data: &data,
            address: address.as_ref(),
            ancillary,
            flags,
        };
        let answer = self.host.send_message(file.id, outgoing, self.now);
        self.after(answer)
    }

    fn receive(&mut self, socket: Handle, reception: &Reception) -> Answer<Received> {
        let file = self.file(socket)?;
        let mut buffers: Vec<Vec<u8>> = reception
            .buffers
            .iter()
            .map(|length| vec![0; *length])
            .collect();
        let mut pieces: Vec<&mut [u8]> = buffers.iter_mut().map(Vec::as_mut_slice).collect();
        let flags = MessageFlags::from_bits_retain(reception.flags.cast_unsigned())
            | MessageFlags::DONTWAIT;
        let incoming = Incoming {
            buffers: &mut pieces,
            flags,
            ancillary_room: reception.control_room,
        };
        let answer = self.host.receive_message(file.id, incoming, self.now);
        let received = answer.map(|received| {
            let (control, cut) = self.control(&received.ancillary, reception.control_room);
            let mut data = buffers.concat();
            data.truncate(received.length);
            let mut flags = received.flags.bits().cast_signed();
            if cut {
                flags |= libc::MSG_CTRUNC;
            }
            let address = received.address.as_ref().map(Self::shown);
            Received {
                length: received.length,
                data,
                flags,
                address,
                control,
            }
        });
        self.after(received)
    }

    fn shutdown(&mut self, socket: Handle, how: i32) -> Answer<()> {
        let id = self.id(socket)?;
        let how = Shutdown::from_number(how).ok_or(libc::EINVAL)?;
        let answer = self.host.shutdown(id, how, self.now);
        self.after(answer)
    }

    fn close(&mut self, socket: Handle) -> Answer<()> {
        let file = self.files.remove(&socket).ok_or(libc::EBADF)?;
        drop(file);
        self.after(Ok(()))
    }

    fn set(&mut self, socket: Handle, level: i32, name: i32, value: &[u8]) -> Answer<()> {
        let id = self.id(socket)?;
        let answer = self.host.set_option(id, level, name, value, self.now);
        self.after(answer)
    }

    fn get(&mut self, socket: Handle, level: i32, name: i32, length: usize) -> Answer<Vec<u8>> {
        let id = self.id(socket)?;
        let answer = self
            .host
            .get_option(id, level, name, length, self.now)
            .map(|value| value.to_vec());
        self.after(answer)
    }

    fn length_after(
        &mut self,
        socket: Handle,
        level: i32,
        name: i32,
        length: usize,
    ) -> (Answer<()>, usize) {
        let needed = |arm: &Self| {
            let id = arm.id(socket).ok()?;
            arm.host.room_for_option(id, level, name)
        };
        match self.get(socket, level, name, length) {
            Ok(value) => (Ok(()), value.len()),
            Err(libc::EINVAL) => (Err(libc::EINVAL), needed(self).unwrap_or(length)),
            Err(errno) => (Err(errno), length),
        }
    }

    fn readiness(&mut self, socket: Handle) -> i16 {
        let Ok(id) = self.id(socket) else {
            return libc::POLLNVAL;
        };
        self.drain_events();
        let asked = self.host.readiness(id);
        let told = self.known.get(&id).copied().unwrap_or_default();
        assert_eq!(
            told, asked,
            "the events told another readiness than the host answers when asked"
        );
        i16::try_from(asked.bits()).unwrap_or_default()
    }

    fn ask(&mut self, socket: Handle, question: Question) -> Answer<i32> {
        let id = self.id(socket)?;
        let answer = match question {
            Question::Unread => self.host.queued(id, Queued::Unread),
            Question::Unsent => self.host.queued(id, Queued::Unsent),
            Question::AtMark => self.host.at_mark(id).map(usize::from),
        };
        answer
            .map(|value| i32::try_from(value).unwrap_or(i32::MAX))
            .map_err(number)
    }

    fn settle(&mut self) {
        self.pass(2);
    }

    fn wait(&mut self, socket: Handle, events: i16) {
        let Ok(id) = self.id(socket) else { return };
        let wanted =
            Readiness::from_bits_retain(events.cast_unsigned()) | Readiness::ERR | Readiness::HUP;
        let limit = self.now + Duration::from_secs(4);
        while !self.host.readiness(id).intersects(wanted) {
            match self
                .host
                .next_deadline()
                .filter(|deadline| *deadline <= limit)
            {
                Some(deadline) => self.run_until(deadline.max(self.now)),
                None => return self.run_until(limit),
            }
        }
    }

    fn pass(&mut self, milliseconds: u32) {
        self.run_until(self.now + Duration::from_millis(milliseconds.into()));
    }

    fn fresh_port(&mut self) -> u16 {
        self.next_port += 1;
        self.next_port
    }
}

impl Arm {
    /// The messages as the core takes them: descriptors looked up here, the rest read by `sockeye-linux`.
    fn ancillary(&self, messages: &[Control], domain: Domain) -> Answer<Vec<Ancillary>> {
        let mut list = Vec::new();
        let mut bytes = Vec::new();
        for message in messages {
            let (level, kind, data) = match message {
                // AF_UNIX alone looks at rights; a descriptor that is not open is noticed there.
                Control::Rights(sockets) if domain == Domain::Unix => {
                    let files: Answer<Vec<Right>> = sockets
                        .iter()
                        .map(|socket| Ok(Right(self.file(*socket)?)))
                        .collect();
                    list.push(Ancillary::Rights(files?));
                    continue;
                }
                Control::Rights(sockets) => (
                    libc::SOL_SOCKET,
                    libc::SCM_RIGHTS,
                    vec![0; 4 * sockets.len()],
                ),
                Control::Credentials { pid, uid, gid } => {
                    let (pid, uid, gid) = (
                        pid.unwrap_or(OWN.pid),
                        uid.unwrap_or(OWN.uid),
                        gid.unwrap_or(OWN.gid),
                    );
                    let data = [pid.to_ne_bytes(), uid.to_ne_bytes(), gid.to_ne_bytes()].concat();
                    (libc::SOL_SOCKET, libc::SCM_CREDENTIALS, data)
                }
                // What comes as plain bytes is no open descriptor.
                Control::Other {
                    level: libc::SOL_SOCKET,
                    kind: libc::SCM_RIGHTS,
                    data,
                } if domain == Domain::Unix && data.len() >= 4 => return Err(libc::EBADF),
                Control::Other { level, kind, data } => (*level, *kind, data.clone()),
            };
            bytes.extend(cmsg::join(level, kind, &data));
        }
        list.extend(sockeye_linux::control::decode(&bytes));
        Ok(list)
    }

    /// The messages as a program sees them in so much room, and whether some did not fit.
    fn control(&self, messages: &[Ancillary], room: usize) -> (Vec<Control>, bool) {
        let mut bytes = sockeye_linux::control::encode(messages);
        let cut = sockeye_linux::control::fit(&mut bytes, room);
        let mut list = Vec::new();
        for (level, kind, data) in cmsg::split(&bytes) {
            list.push(match (level, kind) {
                (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) => {
                    cmsg::credentials(&data, (OWN.pid, OWN.uid, OWN.gid))
                }
                _ => Control::Other { level, kind, data },
            });
        }
        for message in messages {
            if let Ancillary::Rights(rights) = message {
                let slot = |right: &Right| {
                    right
                        .downcast_ref::<File>()
                        .map_or(Handle(usize::MAX), |f| f.slot)
                };
                list.push(Control::Rights(rights.iter().map(slot).collect()));
            }
        }
        (list, cut)
    }
}
