//! What calls did whose callers a signal had called away before they were told.
//!
//! No signal interrupts Linux's own `sendto` of a datagram or `bind`; here one can, between the effect and the answer. The
//! kernel issues the call again after a handler with `SA_RESTART`, and a program does that meets `EINTR`: the same call of
//! the same thread, from the same instruction, on the same socket, with the same arguments and the same data. It is told
//! what the first one came to. Should the program have given up and mean the call anew, then the count is still right:
//! it was told of one, and one was made.

use std::collections::BTreeMap;
use std::os::fd::AsFd;

use sockeye_core::Errno;
use sockeye_linux::number::{SO_ERROR, SOL_SOCKET};

use crate::given::Given;
use crate::notify::Call;
use crate::supervisor::Supervisor;
use crate::sys::{self, Notification};

/// How many answers are kept. A thread has one at most, and it takes it within a signal handler's time.
const MOST_ANSWERS: usize = 256;

/// The answers that were not told, by thread.
#[derive(Debug, Default)]
pub(crate) struct Untold {
    answers: BTreeMap<i32, Answer>,
}

#[derive(Debug)]
struct Answer {
    call: Notification,
    /// The cookie of the socket.
    socket: u64,
    given: Given,
    answer: Result<i64, Errno>,
}

impl Supervisor {
    /// Keeps an answer that could not be delivered for the call that is issued again.
    pub(crate) fn remember(&mut self, call: &Call, answer: Result<i64, Errno>) {
        if !has_effect(call, answer) {
            return;
        }
        let Some(socket) = self.socket_of(call) else {
            return;
        };
        if self.untold.answers.len() >= MOST_ANSWERS {
            self.untold.answers.pop_first();
        }
        let kept = Answer {
            call: call.notification,
            socket,
            given: call.given.take(),
            answer,
        };
        self.untold.answers.insert(call.tid(), kept);
    }

    /// The answer to a call that was carried out before.
    pub(crate) fn answer_of(&mut self, call: &Call) -> Option<Result<i64, Errno>> {
        // A handler may make other calls before the interrupted one comes again: they leave it be.
        let kept = self.untold.answers.get(&call.tid())?;
        if !is_same(&kept.call, &call.notification) || !kept.given.is_given_by(call.tid()) {
            return None;
        }
        let socket = kept.socket;
        if self.socket_of(call) != Some(socket) {
            return None;
        }
        let kept = self.untold.answers.remove(&call.tid())?;
        // Should this call be interrupted, too.
        call.given.replace(kept.given);
        Some(kept.answer)
    }

    /// The socket that a call is about; `None` if the caller is gone.
    fn socket_of(&mut self, call: &Call) -> Option<u64> {
        let file = self.callers.file(call.tid(), call.int(0)).ok()?;
        sys::socket_cookie(file.as_fd()).ok()
    }
}

fn is_same(one: &Notification, other: &Notification) -> bool {
    one.number == other.number
        && one.instruction_pointer == other.instruction_pointer
        && one.arguments == other.arguments
}

/// Whether a call may not simply be carried out twice.
fn has_effect(call: &Call, answer: Result<i64, Errno>) -> bool {
    match call.number() {
        // The data of a stream, an error or an entry of its queue is taken.
        libc::SYS_recvfrom | libc::SYS_recvmsg | libc::SYS_recvmmsg => {}
        libc::SYS_sendto | libc::SYS_sendmsg | libc::SYS_sendmmsg => {}
        libc::SYS_bind | libc::SYS_connect | libc::SYS_setsockopt => return answer.is_ok(),
        libc::SYS_getsockopt => return (call.int(1), call.int(2)) == (SOL_SOCKET, SO_ERROR),
        _ => return false,
    }
    !matches!(answer, Err(Errno::EAGAIN | Errno::EINTR))
}
