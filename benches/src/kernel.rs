//! The other side of the rows in process: the kernel's TCP over its loopback.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use crate::in_process;

/// What the kernel's side of every row uses, as most systems do.
const CONGESTION: &str = "cubic";

/// What a socket of the kernel uses if nothing is said.
pub(crate) fn default_congestion_control() -> String {
    std::fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control").map_or_else(
        |_| "congestion control unknown".to_owned(),
        |name| name.trim().to_owned(),
    )
}

/// Both ends of a connection over the kernel's loopback: non-blocking, without Nagle's delay, cubic.
pub(crate) fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    // An accepted socket inherits it.
    set_cubic(&listener)?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    set_cubic(&client)?;
    let (server, _) = listener.accept()?;
    for end in [&client, &server] {
        end.set_nonblocking(true)?;
        end.set_nodelay(true)?;
    }
    Ok((client, server))
}

/// Makes a socket, and what it will accept, use cubic.
pub(crate) fn set_cubic(socket: &impl AsRawFd) -> io::Result<()> {
    let length = libc::socklen_t::try_from(CONGESTION.len()).map_err(io::Error::other)?;
    // SAFETY: the pointer and the length describe a constant; the descriptor is borrowed and open.
    let answer = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_CONGESTION,
            CONGESTION.as_ptr().cast(),
            length,
        )
    };
    if answer == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The kernel's connection as the rows drive it.
pub(crate) struct KernelPair {
    client: TcpStream,
    server: TcpStream,
}

impl KernelPair {
    pub(crate) fn new() -> io::Result<Self> {
        let (client, server) = pair()?;
        Ok(Self { client, server })
    }

    fn end(&mut self, end: in_process::End) -> &mut TcpStream {
        match end {
            in_process::End::Client => &mut self.client,
            in_process::End::Server => &mut self.server,
        }
    }
}

impl in_process::Pair for KernelPair {
    fn write(&mut self, end: in_process::End, data: &[u8]) -> io::Result<usize> {
        zero_if_blocked(self.end(end).write(data))
    }

    fn read(&mut self, end: in_process::End, buffer: &mut [u8]) -> io::Result<usize> {
        zero_if_blocked(self.end(end).read(buffer))
    }
}

fn zero_if_blocked(answer: io::Result<usize>) -> io::Result<usize> {
    match answer {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}
