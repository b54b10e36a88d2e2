//! Data of either side, and its end.

use std::net::SocketAddr;

use sockeye_core::{Incoming, MessageFlags, Outgoing, Shutdown};

use super::sockets::number;
use super::{Answer, Lab, Socket};
use crate::sockopt;

impl Lab {
    /// `send` (`sendto` with an address), which does not wait.
    pub fn try_send(
        &mut self,
        socket: &Socket,
        data: &[u8],
        flags: i32,
        address: Option<SocketAddr>,
    ) -> Answer<usize> {
        let now = self.now();
        match socket {
            Socket::Ours(id) => {
                let flags = MessageFlags::from_bits_retain(flags.cast_unsigned());
                let address = address.map(Into::into);
                let outgoing = Outgoing {
                    data: &[data],
                    address: address.as_ref(),
                    flags: flags | MessageFlags::NOSIGNAL,
                    ..Outgoing::default()
                };
                self.host.send_message(*id, outgoing, now).map_err(number)
            }
            Socket::Kernel(file) => sockopt::send(file, data, flags, address),
        }
    }

    /// `recv`, which does not wait.
    pub fn try_receive(&mut self, socket: &Socket, most: usize, flags: i32) -> Answer<Vec<u8>> {
        let now = self.now();
        match socket {
            Socket::Ours(id) => {
                let mut buffer = vec![0; most];
                let incoming = Incoming {
                    buffers: &mut [&mut buffer],
                    flags: MessageFlags::from_bits_retain(flags.cast_unsigned()),
                    ..Incoming::default()
                };
                let message = self.host.receive_message(*id, incoming, now);
                buffer.truncate(message.map_err(number)?.length);
                Ok(buffer)
            }
            Socket::Kernel(file) => sockopt::receive(file, most, flags),
        }
    }

    /// Sends all of it.
    ///
    /// # Errors
    /// What was said, or that it takes too long.
    pub fn send_flagged(&mut self, socket: &Socket, data: &[u8], flags: i32) -> Result<(), String> {
        let mut sent = 0;
        self.await_that("send", |lab| {
            let rest = data.get(sent..).unwrap_or_default();
            match lab.try_send(socket, rest, flags, None) {
                Ok(length) => sent += length,
                Err(libc::EAGAIN) => {}
                Err(errno) => return Err(format!("{errno}")),
            }
            Ok(sent == data.len())
        })
    }

    /// The same without flags.
    ///
    /// # Errors
    /// What was said, or that it takes too long.
    pub fn send(&mut self, socket: &Socket, data: &[u8]) -> Result<(), String> {
        self.send_flagged(socket, data, 0)
    }

    /// What comes next, at most so many bytes, or the error that does; nothing at the end.
    ///
    /// # Errors
    /// Nothing comes.
    pub fn receive_flagged(
        &mut self,
        socket: &Socket,
        most: usize,
        flags: i32,
    ) -> Result<Answer<Vec<u8>>, String> {
        self.until("receive", |lab| {
            Ok(match lab.try_receive(socket, most, flags) {
                Err(libc::EAGAIN) => None,
                answer => Some(answer),
            })
        })
    }

    /// The same without flags.
    ///
    /// # Errors
    /// Nothing comes.
    pub fn receive(&mut self, socket: &Socket, most: usize) -> Result<Answer<Vec<u8>>, String> {
        self.receive_flagged(socket, most, 0)
    }

    /// So many bytes, or fewer if the end comes before.
    ///
    /// # Errors
    /// What was said, or that they don't come.
    pub fn receive_all(&mut self, socket: &Socket, count: usize) -> Result<Vec<u8>, String> {
        let mut all = Vec::new();
        while all.len() < count {
            let piece = self.receive(socket, (count - all.len()).min(1 << 16))?;
            let piece = piece.map_err(|errno| format!("receive: {errno}"))?;
            if piece.is_empty() {
                break;
            }
            all.extend(piece);
        }
        Ok(all)
    }

    /// Carries data from one end to the other, and compares it.
    ///
    /// # Errors
    /// It is not the same, or takes too long.
    pub fn transfer(&mut self, from: &Socket, to: &Socket, data: &[u8]) -> Result<(), String> {
        let (mut sent, mut received) = (0, 0);
        self.await_that("transfer", |lab| {
            let rest = data.get(sent..).unwrap_or_default();
            if !rest.is_empty() {
                match lab.try_send(from, rest, 0, None) {
                    Ok(length) => sent += length,
                    Err(libc::EAGAIN) => {}
                    Err(errno) => return Err(format!("send: {errno}")),
                }
            }
            match lab.try_receive(to, 1 << 16, 0) {
                Ok(piece) => {
                    if data.get(received..received + piece.len()) != Some(&piece[..]) {
                        return Err(format!("other bytes behind {received}"));
                    }
                    if piece.is_empty() {
                        return Err(format!("the end behind {received} bytes"));
                    }
                    received += piece.len();
                }
                Err(libc::EAGAIN) => {}
                Err(errno) => return Err(format!("receive: {errno}")),
            }
            Ok(received == data.len())
        })
    }

    /// `shutdown` of the sending side.
    ///
    /// # Errors
    /// What was said.
    pub fn shut(&mut self, socket: &Socket) -> Result<(), String> {
        let now = self.now();
        match socket {
            Socket::Ours(id) => self
                .host
                .shutdown(*id, Shutdown::Write, now)
                .map_err(number),
            Socket::Kernel(file) => sockopt::shutdown(file, libc::SHUT_WR),
        }
        .map_err(|errno| format!("shutdown: {errno}"))
    }

    /// `close`
    ///
    /// # Errors
    /// What was said.
    pub fn close(&mut self, socket: Socket) -> Result<(), String> {
        let now = self.now();
        match socket {
            Socket::Ours(id) => self
                .host
                .close(id, now)
                .map_err(|errno| format!("close: {errno:?}")),
            Socket::Kernel(file) => {
                drop(file);
                Ok(())
            }
        }
    }
}
