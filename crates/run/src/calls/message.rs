//! What `sendmsg` and `recvmsg` have in common: the caller's `msghdr`.

use sockeye_core::Errno;
use sockeye_linux::message::{IOVEC_SIZE, MSGHDR_SIZE, MessageHeader};

use crate::memory;
use crate::notify::Call;
use crate::sys::Span;

/// A `msghdr` of the caller with its spans of data.
pub(super) struct CallersMessage {
    pub(super) address: u64,
    pub(super) header: MessageHeader,
    pub(super) spans: Vec<Span>,
}

/// The most control data that is read, as `net.core.optmem_max` bounds it.
const MOST_CONTROL: u64 = 128 * 1024;

impl CallersMessage {
    pub(super) fn read(call: &Call, address: u64) -> Result<CallersMessage, Errno> {
        let bytes = call.read(address, MSGHDR_SIZE)?;
        let header = MessageHeader::decode(&bytes).ok_or(Errno::EFAULT)?;
        if header.name_length < 0 {
            return Err(Errno::EINVAL);
        }
        let count = usize::try_from(header.vector_count).unwrap_or(usize::MAX);
        if count > memory::MOST_SPANS {
            return Err(Errno::EMSGSIZE);
        }
        let vectors = call.read(header.vectors, count * IOVEC_SIZE)?;
        let spans = memory::spans(&vectors)?;
        Ok(CallersMessage {
            address,
            header,
            spans,
        })
    }

    /// The control data that came with a message to send.
    pub(super) fn control(&self, call: &Call) -> Result<Vec<u8>, Errno> {
        if self.header.control == 0 || self.header.control_length == 0 {
            return Ok(Vec::new());
        }
        if self.header.control_length > MOST_CONTROL {
            return Err(Errno::ENOBUFS);
        }
        let length = usize::try_from(self.header.control_length).map_err(|_| Errno::ENOBUFS)?;
        call.read(self.header.control, length)
    }
}
