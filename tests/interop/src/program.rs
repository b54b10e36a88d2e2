//! The program of a kernel's end.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;

use crate::exchange::{PIECE, check, fill};
use crate::kernel::failed;
use crate::{Exchange, Place, Report};

pub(crate) type Outcome = Result<Report, String>;

/// Does a program's part of an exchange.
pub(crate) fn act(place: Place, exchange: &Exchange) -> Outcome {
    let stream = match place {
        Place::Server => {
            let listener = TcpListener::bind(exchange.server()).map_err(failed("bind"))?;
            set_congestion(&listener, exchange)?;
            listener.accept().map_err(failed("accept"))?.0
        }
        Place::Client => connect(exchange.server(), exchange)?,
    };
    for timeout in [TcpStream::set_read_timeout, TcpStream::set_write_timeout] {
        timeout(&stream, Some(exchange.deadline)).map_err(failed("timeout"))?;
    }
    let total = exchange.sends(place);
    let mut out = stream.try_clone().map_err(failed("clone"))?;
    let writer = std::thread::spawn(move || -> Result<(), String> {
        let mut piece = vec![0; PIECE];
        let mut sent = 0;
        while sent < total {
            let length = PIECE.min(total - sent);
            fill(place, sent, &mut piece[..length]);
            out.write_all(&piece[..length]).map_err(failed("write"))?;
            sent += length;
        }
        out.shutdown(std::net::Shutdown::Write)
            .map_err(failed("shutdown"))
    });
    let report = read_to_end(stream, place.other());
    writer.join().map_err(|_| "the writer panicked")??;
    report
}

fn read_to_end(mut stream: TcpStream, from: Place) -> Outcome {
    let mut piece = vec![0; PIECE];
    let mut received = 0;
    loop {
        let length = stream.read(&mut piece).map_err(failed("read"))?;
        if length == 0 {
            return Ok(Report { received });
        }
        check(from, received, &piece[..length])?;
        received += length;
    }
}

/// Servers may need a moment to listen.
fn connect(address: SocketAddr, exchange: &Exchange) -> Result<TcpStream, String> {
    let mut left = 100;
    loop {
        match TcpStream::connect_timeout(&address, exchange.deadline) {
            Ok(stream) => {
                set_congestion(&stream, exchange)?;
                return Ok(stream);
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused && left > 0 => {
                left -= 1;
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            Err(error) => return Err(failed("connect")(error)),
        }
    }
}

fn set_congestion(file: &impl std::os::fd::AsFd, exchange: &Exchange) -> Result<(), String> {
    let Some(name) = exchange.congestion else {
        return Ok(());
    };
    let length = libc::socklen_t::try_from(name.len()).unwrap_or(0);
    // SAFETY: the name is as long as is said, and is only read.
    let answer = unsafe {
        libc::setsockopt(
            file.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_CONGESTION,
            name.as_ptr().cast(),
            length,
        )
    };
    if answer == 0 {
        Ok(())
    } else {
        Err(failed(name)(std::io::Error::last_os_error()))
    }
}
