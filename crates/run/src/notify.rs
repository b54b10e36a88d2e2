//! Trapped calls: how they come in, wait, and are answered.
//!
//! A call is carried out by [`crate::calls`], which answers with an [`Outcome`]. Every answer may find its caller gone,
//! killed or called away by a signal; then what the call did is undone, or remembered for when it is issued again
//! ([`crate::untold`]). A call that has to wait is kept with its notification and simply carried out again when its
//! conduit has news, so there is one piece of code for both.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use smallvec::SmallVec;
use sockeye_core::{Errno, Instant};

use crate::calls;
use crate::conduit::PendingDatagram;
use crate::given::Given;
use crate::memory;
use crate::slab::Id;
use crate::supervisor::Supervisor;
use crate::sys::{Listener, Notification, Span};

/// A trapped call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) notification: Notification,
    /// When it came in.
    pub(crate) began: Instant,
    /// When the wait of a call that is carried out again ends.
    pub(crate) deadline: Option<Instant>,
    /// It has waited before.
    pub(crate) resumed: bool,
    /// What it has read that decides what it does.
    pub(crate) given: RefCell<Given>,
}

impl Call {
    /// The calling thread.
    pub(crate) fn tid(&self) -> i32 {
        self.notification.pid.cast_signed()
    }

    /// Reads what the caller gives at an address.
    pub(crate) fn read(&self, address: u64, length: usize) -> Result<Vec<u8>, Errno> {
        let bytes = memory::read(self.tid(), address, length)?;
        self.given
            .borrow_mut()
            .note(&[Span { address, length }], &bytes);
        Ok(bytes)
    }

    /// Gathers what the caller gives in these spans.
    pub(crate) fn gather(&self, spans: &[Span]) -> Result<Vec<u8>, Errno> {
        let bytes = memory::gather(self.tid(), spans)?;
        self.given.borrow_mut().note(spans, &bytes);
        Ok(bytes)
    }

    pub(crate) fn number(&self) -> libc::c_long {
        self.notification.number.into()
    }

    /// An argument as it was passed.
    pub(crate) fn argument(&self, index: usize) -> u64 {
        self.notification.arguments.get(index).copied().unwrap_or(0)
    }

    /// An argument that is an `int`: the kernel looks at its low half only.
    pub(crate) fn int(&self, index: usize) -> i32 {
        let low = self.argument(index) & 0xffff_ffff;
        u32::try_from(low).unwrap_or(0).cast_signed()
    }
}

/// What a call has received: whole, as it was in the queue.
pub(crate) type Received = SmallVec<[PendingDatagram; 1]>;

/// What carrying a call out came to, if not an errno.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It ends with this value.
    Value(i64),
    /// A connect that succeeded.
    Connected(Id),
    /// It ends with this value, and with these datagrams of the conduit's.
    Received {
        value: i64,
        conduit: Id,
        taken: Received,
    },
    /// The kernel carries it out: the file is not ours, and nothing was read from the caller's memory that matters.
    Proceed,
    /// It ends with a descriptor for this file.
    File {
        file: OwnedFd,
        close_on_exec: bool,
        undo: Undo,
    },
    /// It waits for news of the conduit. After `timeout` it ends with the errno.
    Wait {
        conduit: Id,
        timeout: Option<Duration>,
        late: Errno,
    },
    /// It is carried out again after a while.
    Again(Duration),
}

/// What has to happen if a file can't be delivered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Undo {
    /// The socket was never seen by anybody.
    Socket(Id),
    /// The connection goes back to the front of its listener's queue.
    Accept { listener: Id, connection: Id },
}

#[derive(Debug)]
struct Parked {
    call: Call,
    conduit: Option<Id>,
    /// `None`: carry it out again at the deadline.
    late: Option<Errno>,
}

/// The calls that wait, by thread: a thread can't be in two calls.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    parked: BTreeMap<i32, Parked>,
    deadlines: BTreeSet<(Instant, i32)>,
}

impl Waiting {
    fn park(&mut self, parked: Parked) {
        let tid = parked.call.tid();
        self.take(tid);
        if let Some(deadline) = parked.call.deadline {
            self.deadlines.insert((deadline, tid));
        }
        self.parked.insert(tid, parked);
    }

    fn take(&mut self, tid: i32) -> Option<Parked> {
        let parked = self.parked.remove(&tid)?;
        if let Some(deadline) = parked.call.deadline {
            self.deadlines.remove(&(deadline, tid));
        }
        Some(parked)
    }

    /// When the first wait ends.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    fn take_due(&mut self, now: Instant) -> Option<Parked> {
        let (deadline, tid) = *self.deadlines.first()?;
        if deadline > now { None } else { self.take(tid) }
    }
}

impl Supervisor {
    /// Takes a call that has come in.
    pub(crate) fn take_notification(&mut self, notification: Notification) {
        // The thread's earlier call, if one waits, was interrupted: its notification is dead.
        self.waiting.take(notification.pid.cast_signed());
        let call = Call {
            notification,
            began: self.now,
            deadline: None,
            resumed: false,
            given: RefCell::default(),
        };
        match self.answer_of(&call) {
            Some(answer) => self.answer(&call, answer),
            None => self.carry_out(call),
        }
    }

    /// Ends a call that has taken effect.
    fn answer(&mut self, call: &Call, answer: Result<i64, Errno>) {
        let id = call.notification.id;
        let told = self.tell(|listener| match answer {
            Ok(value) => listener.answer(id, value),
            Err(errno) => listener.fail(id, calls::number(errno)),
        });
        if !told {
            self.remember(call, answer);
        }
    }

    /// Carries a call out and answers it or lets it wait.
    fn carry_out(&mut self, mut call: Call) {
        let id = call.notification.id;
        call.given = RefCell::default();
        let outcome = calls::dispatch(self, &call);
        tracing::trace!(tid = call.tid(), number = call.number(), ?outcome, "call");
        match outcome {
            Err(errno) => self.answer(&call, Err(errno)),
            Ok(Outcome::Value(value)) => self.answer(&call, Ok(value)),
            Ok(Outcome::Received {
                value,
                conduit,
                taken,
            }) => {
                if !self.tell(|listener| listener.answer(id, value)) {
                    self.put_back(conduit, taken);
                }
            }
            Ok(Outcome::Connected(conduit)) => {
                if !self.tell(|listener| listener.answer(id, 0))
                    && let Some(conduit) = self.conduits.get_mut(conduit)
                {
                    // The connect that is issued again is told that it succeeded.
                    conduit.untold = true;
                }
            }
            Ok(Outcome::Proceed) => {
                self.tell(|listener| listener.proceed(id));
            }
            Ok(Outcome::File {
                file,
                close_on_exec,
                undo,
            }) => {
                let answer = self
                    .listener
                    .answer_with_file(id, file.as_fd(), close_on_exec);
                match answer {
                    Ok(()) => {}
                    // The caller's table is full: the call fails, but the caller is there to be told.
                    Err(error) if error.raw_os_error() != Some(libc::ENOENT) => {
                        self.undo(undo, file);
                        self.tell(|listener| listener.fail(id, crate::sys::errno_of(&error)));
                    }
                    Err(_) => self.undo(undo, file),
                }
            }
            Ok(Outcome::Wait {
                conduit,
                timeout,
                late,
            }) => {
                if !call.resumed {
                    call.deadline = timeout.map(|timeout| self.now + timeout);
                }
                call.resumed = true;
                if let Some(entry) = self.conduits.get_mut(conduit) {
                    if !entry.waiting.contains(&call.tid()) {
                        entry.waiting.push(call.tid());
                    }
                    self.waiting.park(Parked {
                        call,
                        conduit: Some(conduit),
                        late: Some(late),
                    });
                } else {
                    self.tell(|listener| listener.fail(id, libc::EBADF));
                }
            }
            Ok(Outcome::Again(after)) => {
                call.deadline = Some(self.now + after);
                call.resumed = true;
                self.waiting.park(Parked {
                    call,
                    conduit: None,
                    late: None,
                });
            }
        }
    }

    /// Whether the caller could be told: it may have gone, or been called away by a signal.
    fn tell(&self, send: impl FnOnce(&Listener) -> std::io::Result<()>) -> bool {
        send(&self.listener).is_ok()
    }

    fn undo(&mut self, undo: Undo, file: OwnedFd) {
        match undo {
            Undo::Socket(id) => self.retire(id),
            Undo::Accept {
                listener,
                connection,
            } => calls::accept::give_back(self, listener, connection, file),
        }
    }

    /// Carries out again what waits for this conduit.
    pub(crate) fn resume(&mut self, id: Id) {
        let Some(conduit) = self.conduits.get_mut(id) else {
            return;
        };
        if conduit.waiting.is_empty() {
            return;
        }
        for tid in std::mem::take(&mut conduit.waiting) {
            let ours = self
                .waiting
                .parked
                .get(&tid)
                .is_some_and(|parked| parked.conduit == Some(id));
            if !ours {
                continue;
            }
            if let Some(parked) = self.waiting.take(tid)
                && self.listener.is_waiting(parked.call.notification.id)
            {
                self.carry_out(parked.call);
            }
        }
    }

    /// Ends the waits that are over.
    pub(crate) fn expire(&mut self) {
        while let Some(parked) = self.waiting.take_due(self.now) {
            let id = parked.call.notification.id;
            match parked.late {
                Some(errno) => {
                    self.tell(|listener| listener.fail(id, calls::number(errno)));
                }
                None if self.listener.is_waiting(id) => {
                    self.carry_out(Call {
                        deadline: None,
                        ..parked.call
                    });
                }
                None => {}
            }
        }
    }
}
