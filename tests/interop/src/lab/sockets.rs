//! Sockets of either side, and how they are joined.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use sockeye_core::{Accepted, Credentials, Domain, Errno, SocketId, SocketType};

use super::Lab;
use crate::{Family, Who, sockopt};

/// A socket of either.
#[derive(Debug)]
pub enum Socket {
    /// Of our host.
    Ours(SocketId),
    /// Of the kernel.
    Kernel(OwnedFd),
}

impl Socket {
    /// Whose it is.
    pub fn who(&self) -> Who {
        match self {
            Socket::Ours(_) => Who::Ours,
            Socket::Kernel(_) => Who::Kernel,
        }
    }
}

/// What a call says: an answer, or the number of an error.
pub type Answer<T> = Result<T, i32>;

pub(super) fn number(errno: Errno) -> i32 {
    errno.number()
}

impl Lab {
    /// A socket with the options that were asked for.
    ///
    /// # Errors
    /// What was said.
    pub fn socket(&mut self, who: Who) -> Result<Socket, String> {
        let socket = match who {
            Who::Ours => {
                let domain = match self.plan.family {
                    Family::V4 => Domain::Inet,
                    Family::V6 => Domain::Inet6,
                };
                let (kind, root) = (SocketType::Stream, Credentials::ROOT);
                let socket = self.host.socket(domain, kind, 0, root);
                Socket::Ours(socket.map_err(|errno| format!("socket: {errno:?}"))?)
            }
            Who::Kernel => {
                let address = self.service();
                let socket = self.kernel.run(move || sockopt::socket(address))?;
                Socket::Kernel(socket.map_err(|errno| format!("socket: {errno}"))?)
            }
        };
        for (whose, level, name, value) in self.options.clone() {
            if whose == who {
                self.set_bytes(&socket, level, name, &value)
                    .map_err(|errno| format!("option {level} {name}: {errno}"))?;
            }
        }
        Ok(socket)
    }

    /// `bind`
    ///
    /// # Errors
    /// What was said.
    pub fn bind(&mut self, socket: &Socket, port: u16) -> Result<(), String> {
        let (address, now) = (self.address(socket.who(), port), self.now());
        match socket {
            Socket::Ours(id) => self.host.bind(*id, &address.into(), now).map_err(number),
            Socket::Kernel(file) => sockopt::bind(file, address),
        }
        .map_err(|errno| format!("bind: {errno}"))
    }

    /// The server's listening socket.
    ///
    /// # Errors
    /// What was said.
    pub fn listen(&mut self) -> Result<Socket, String> {
        let socket = self.socket(self.server())?;
        self.set(&socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
        self.bind(&socket, self.service().port())?;
        let (backlog, now) = (self.backlog, self.now());
        match &socket {
            Socket::Ours(id) => self.host.listen(*id, backlog, now).map_err(number),
            Socket::Kernel(file) => sockopt::listen(file, backlog),
        }
        .map_err(|errno| format!("listen: {errno}"))?;
        Ok(socket)
    }

    /// `connect`, which does not wait.
    pub fn try_connect(&mut self, socket: &Socket, address: SocketAddr) -> Answer<()> {
        let now = self.now();
        match socket {
            Socket::Ours(id) => self.host.connect(*id, &address.into(), now).map_err(number),
            Socket::Kernel(file) => sockopt::connect(file, address),
        }
    }

    /// `connect` from its beginning to its end, with its error.
    ///
    /// # Errors
    /// It does not end.
    pub fn connect_to(
        &mut self,
        socket: &Socket,
        address: SocketAddr,
    ) -> Result<Answer<()>, String> {
        match self.try_connect(socket, address) {
            Err(libc::EINPROGRESS) => self.connected(socket),
            answer => Ok(answer),
        }
    }

    /// How a `connect` that was begun ends.
    ///
    /// # Errors
    /// It does not.
    pub fn connected(&mut self, socket: &Socket) -> Result<Answer<()>, String> {
        self.await_that("connect", |lab| {
            Ok(lab.poll(socket) & (libc::POLLOUT | libc::POLLERR) != 0)
        })?;
        let mut error = [0; 4];
        self.get_bytes(socket, libc::SOL_SOCKET, libc::SO_ERROR, &mut error)
            .map_err(|errno| format!("SO_ERROR: {errno}"))?;
        match i32::from_ne_bytes(error) {
            0 => Ok(Ok(())),
            errno => Ok(Err(errno)),
        }
    }

    /// `accept`, which does not wait.
    pub fn try_accept(&mut self, listener: &Socket) -> Answer<Socket> {
        let now = self.now();
        match listener {
            Socket::Ours(id) => match self.host.accept(*id, now) {
                Ok(Accepted { socket, .. }) => Ok(Socket::Ours(socket)),
                Err(errno) => Err(errno.number()),
            },
            Socket::Kernel(file) => sockopt::accept(file).map(Socket::Kernel),
        }
    }

    /// What comes next at a listening socket.
    ///
    /// # Errors
    /// What was said, or that nothing comes.
    pub fn accept(&mut self, listener: &Socket) -> Result<Socket, String> {
        self.until("accept", |lab| match lab.try_accept(listener) {
            Ok(socket) => Ok(Some(socket)),
            Err(libc::EAGAIN) => Ok(None),
            Err(errno) => Err(format!("{errno}")),
        })
    }

    /// One more connection to a listening socket, established at both ends: this end, and the other.
    ///
    /// # Errors
    /// Why there is none.
    pub fn connect_more(&mut self, listener: &Socket, here: Who) -> Result<[Socket; 2], String> {
        let client = self.socket(self.plan.client)?;
        let address = self.service();
        self.connect_to(&client, address)?
            .map_err(|errno| format!("connect: {errno}"))?;
        let server = self.accept(listener)?;
        Ok(if client.who() == here {
            [client, server]
        } else {
            [server, client]
        })
    }

    /// A connection, established at both ends: this end, and the other.
    ///
    /// # Errors
    /// Why there is none.
    pub fn connect(&mut self, here: Who) -> Result<[Socket; 2], String> {
        let listener = self.listen()?;
        self.connect_more(&listener, here)
    }
}
