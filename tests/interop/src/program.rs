//! The program of a kernel's end.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;

use crate::exchange::{PIECE, check, fill};
use crate::kernel::failed;
use crate::{Exchange, Place, Report, sockopt};

pub(crate) type Outcome = Result<Report, String>;

/// A server's first step, before which no client may come.
pub(crate) fn listen(exchange: &Exchange) -> Result<TcpListener, String> {
    let listener = TcpListener::bind(exchange.server()).map_err(failed("bind"))?;
    set_congestion(&listener, exchange)?;
    Ok(listener)
}

/// A server's part of an exchange.
pub(crate) fn serve(listener: &TcpListener, exchange: &Exchange) -> Outcome {
    let (stream, _) = listener.accept().map_err(failed("accept"))?;
    act(Place::Server, stream, exchange)
}

/// A client's part of it.
pub(crate) fn visit(exchange: &Exchange) -> Outcome {
    let stream = connect(exchange)?;
    act(Place::Client, stream, exchange)
}

fn act(place: Place, stream: TcpStream, exchange: &Exchange) -> Outcome {
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
        let length = match stream.read(&mut piece) {
            Ok(length) => length,
            // signal(7): a call with a timeout ends when the process is stopped and goes on.
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed("read")(error)),
        };
        if length == 0 {
            return Ok(Report { received });
        }
        check(from, received, &piece[..length])?;
        received += length;
    }
}

fn connect(exchange: &Exchange) -> Result<TcpStream, String> {
    let number =
        |what: &'static str| move |errno| failed(what)(std::io::Error::from_raw_os_error(errno));
    let socket = sockopt::socket(exchange.server()).map_err(number("socket"))?;
    // Before it connects: a connection that began with a system's BBR goes on pacing whatever comes after it.
    set_congestion(&socket, exchange)?;
    let stream = TcpStream::from(socket);
    stream.set_nonblocking(false).map_err(failed("connect"))?;
    // socket(7): of `connect`, too.
    let timeout = Some(exchange.deadline);
    stream
        .set_write_timeout(timeout)
        .map_err(failed("timeout"))?;
    sockopt::connect(&stream, exchange.server()).map_err(number("connect"))?;
    Ok(stream)
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
