//! `sendmsg` and `recvmsg` with control messages.

use std::mem::size_of;

use libc::{c_int, c_void};

use super::{INT, Kernel, last_error, socklen};
use crate::sockets::{Answer, Received};
use crate::{Address, Control, Handle, Message, Reception, cmsg};

impl Kernel {
    pub(super) fn send_message(&self, socket: Handle, message: &Message) -> Answer<usize> {
        let address = message
            .address
            .as_ref()
            .and_then(|a| a.encode(&self.directory));
        let control = self.encode_control(&message.control);
        let mut vectors: Vec<libc::iovec> = message
            .data
            .iter()
            .map(|part| libc::iovec {
                iov_base: part.as_ptr().cast_mut().cast(),
                iov_len: part.len(),
            })
            .collect();
        // SAFETY: all zeroes is a valid header; every pointer below outlives the call and has the length beside it.
        let result = unsafe {
            let mut header: libc::msghdr = std::mem::zeroed();
            if let Some(address) = &address {
                header.msg_name = address.as_ptr().cast_mut().cast();
                header.msg_namelen = socklen(address.len());
            }
            header.msg_iov = vectors.as_mut_ptr();
            header.msg_iovlen = vectors.len();
            if !control.is_empty() {
                header.msg_control = control.as_ptr().cast_mut().cast();
                header.msg_controllen = control.len();
            }
            libc::sendmsg(
                self.file(socket),
                &raw const header,
                message.flags | libc::MSG_NOSIGNAL,
            )
        };
        usize::try_from(result).map_err(|_| last_error())
    }

    pub(super) fn receive_message(
        &mut self,
        socket: Handle,
        reception: &Reception,
    ) -> Answer<Received> {
        let mut buffers: Vec<Vec<u8>> = reception
            .buffers
            .iter()
            .map(|length| vec![0; *length])
            .collect();
        let mut vectors: Vec<libc::iovec> = buffers
            .iter_mut()
            .map(|part| libc::iovec {
                iov_base: part.as_mut_ptr().cast::<c_void>(),
                iov_len: part.len(),
            })
            .collect();
        let mut address = [0_u8; 128];
        // Aligned as a cmsghdr wants it.
        let mut control = vec![0_usize; reception.control_room.div_ceil(size_of::<usize>())];
        // SAFETY: all zeroes is a valid header; every pointer outlives the call and has the length beside it.
        let (result, header) = unsafe {
            let mut header: libc::msghdr = std::mem::zeroed();
            header.msg_name = address.as_mut_ptr().cast();
            header.msg_namelen = socklen(address.len());
            header.msg_iov = vectors.as_mut_ptr();
            header.msg_iovlen = vectors.len();
            if reception.control_room > 0 {
                header.msg_control = control.as_mut_ptr().cast();
                header.msg_controllen = reception.control_room;
            }
            (
                libc::recvmsg(self.file(socket), &raw mut header, reception.flags),
                header,
            )
        };
        let length = usize::try_from(result).map_err(|_| last_error())?;
        let mut data: Vec<u8> = buffers.concat();
        data.truncate(length);
        let name = usize::try_from(header.msg_namelen)
            .unwrap_or(0)
            .min(address.len());
        let bytes: Vec<u8> = control
            .iter()
            .flat_map(|word| word.to_ne_bytes())
            .take(header.msg_controllen)
            .collect();
        Ok(Received {
            length,
            data,
            flags: header.msg_flags,
            address: (name > 0).then(|| Address::decode(&address[..name], &self.directory)),
            control: self.decode_control(&bytes),
        })
    }

    fn encode_control(&self, messages: &[Control]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for message in messages {
            let (level, kind, data) = match message {
                Control::Rights(sockets) => {
                    let files = sockets
                        .iter()
                        .flat_map(|s| self.file(*s).to_ne_bytes())
                        .collect();
                    (libc::SOL_SOCKET, libc::SCM_RIGHTS, files)
                }
                Control::Credentials { pid, uid, gid } => {
                    let own = own_credentials();
                    let mut data = pid.unwrap_or(own.0).to_ne_bytes().to_vec();
                    data.extend(uid.unwrap_or(own.1).to_ne_bytes());
                    data.extend(gid.unwrap_or(own.2).to_ne_bytes());
                    (libc::SOL_SOCKET, libc::SCM_CREDENTIALS, data)
                }
                Control::Other { level, kind, data } => (*level, *kind, data.clone()),
            };
            bytes.extend(cmsg::join(level, kind, &data));
        }
        bytes
    }

    /// The messages in `bytes`. Passed descriptors are recognised and closed: the case only learns which they are.
    fn decode_control(&mut self, bytes: &[u8]) -> Vec<Control> {
        let mut messages = Vec::new();
        for (level, kind, data) in cmsg::split(bytes) {
            messages.push(match (level, kind) {
                (libc::SOL_SOCKET, libc::SCM_RIGHTS) => Control::Rights(
                    data.chunks_exact(INT)
                        .map(|file| self.take_right(int(file)))
                        .collect(),
                ),
                (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) => {
                    cmsg::credentials(&data, own_credentials())
                }
                _ => Control::Other { level, kind, data },
            });
        }
        messages
    }

    fn take_right(&mut self, file: c_int) -> Handle {
        let known = self.identify(file).unwrap_or(Handle(usize::MAX));
        // SAFETY: the kernel has just given us this descriptor.
        unsafe { libc::close(file) };
        known
    }
}

/// Process, user and group of the caller.
#[must_use]
pub(super) fn own_credentials() -> (i32, u32, u32) {
    // SAFETY: no arguments, cannot fail.
    unsafe { (libc::getpid(), libc::getuid(), libc::getgid()) }
}

fn int(bytes: &[u8]) -> c_int {
    bytes
        .get(..INT)
        .and_then(|b| b.try_into().ok())
        .map_or(0, c_int::from_ne_bytes)
}
