//! From the script's call to the stack's.

use std::net::IpAddr;

use super::pipes::is_null;
use super::structures::{bytes_of, field, only};
use super::{Context, not_understood};
use crate::ast::{Expression, Field, SystemCall, Value};
use crate::failure::{Failure, Outcome, Place};
use crate::flow;
use crate::setup::Setup;
use crate::system::Call;

/// The address that is none: what ends an association.
const UNSPECIFIED: &str = "AF_UNSPEC";

/// Where a piece of a message begins in it, and how long it is.
type Piece = (usize, usize);

/// `struct msghdr` of a script.
pub(super) struct MessageHeader<'a> {
    pub(super) name: Option<&'a Expression>,
    pub(super) vectors: &'a Expression,
    pub(super) control: Option<&'a Expression>,
    pub(super) flags: Option<&'a Expression>,
}

pub(super) fn message_header(expression: &Expression) -> Outcome<MessageHeader<'_>> {
    let Value::Structure(fields) = &expression.value else {
        return Err(not_understood(expression, "a message"));
    };
    only(
        fields,
        &[
            "msg_name",
            "msg_namelen",
            "msg_iov",
            "msg_iovlen",
            "msg_control",
            "msg_controllen",
            "msg_flags",
        ],
    )?;
    let vectors = field(fields, "msg_iov");
    Ok(MessageHeader {
        name: field(fields, "msg_name"),
        vectors: vectors.ok_or_else(|| not_understood(expression, "`msg_iov`"))?,
        control: field(fields, "msg_control").filter(|e| !matches!(e.value, Value::Any)),
        flags: field(fields, "msg_flags"),
    })
}

/// `{fd=3, events=POLLIN, revents=POLLIN}`, alone or in an array.
pub(super) fn structures(expression: &Expression) -> Outcome<Vec<(&Expression, &[Field])>> {
    let one = |element: &'_ Expression| matches!(element.value, Value::Structure(_));
    let list = match &expression.value {
        Value::Array(list) => list.as_slice(),
        Value::Structure(_) => std::slice::from_ref(expression),
        _ => return Err(not_understood(expression, "a list of events")),
    };
    if let Some(other) = list.iter().find(|element| !one(element)) {
        return Err(not_understood(other, "an event"));
    }
    let fields = list.iter().filter_map(|element| match &element.value {
        Value::Structure(fields) => Some((element, fields.as_slice())),
        _ => None,
    });
    Ok(fields.collect())
}

impl Context<'_> {
    /// The call that the script's line means.
    pub(crate) fn prepare(&self, call: &SystemCall, place: Place) -> Outcome<Call> {
        if let Some(call) = self.prepare_move(call)? {
            return Ok(call);
        }
        let arguments = call.arguments.as_slice();
        Ok(match (call.name.as_str(), arguments) {
            ("socket", [domain, kind, protocol]) => Call::Socket {
                domain: match domain.value {
                    Value::Any => self.setup.family.domain(),
                    _ => self.int(domain)?,
                },
                kind: self.int(kind)?,
                protocol: self.int(protocol)?,
            },
            ("bind", [fd, address, _]) => Call::Bind {
                fd: self.fd(fd)?,
                address: self.address(address, self.setup.local, self.setup.bind_port)?,
            },
            ("listen", [fd, backlog]) => Call::Listen {
                fd: self.fd(fd)?,
                backlog: self.int(backlog)?,
            },
            ("accept", [fd, _, _]) => Call::Accept {
                fd: self.fd(fd)?,
                flags: 0,
            },
            ("accept4", [fd, _, _, flags]) => Call::Accept {
                fd: self.fd(fd)?,
                flags: self.int(flags)?,
            },
            ("connect", [fd, address, _]) => Call::Connect {
                fd: self.fd(fd)?,
                address: self.remote_address(address)?,
            },
            ("write", [fd, data, length]) => self.send(fd, data, length, None, None)?,
            ("send", [fd, data, length, flags]) => {
                self.send(fd, data, length, Some(flags), None)?
            }
            ("sendto", [fd, data, length, flags, address, _]) => {
                self.send(fd, data, length, Some(flags), Some(address))?
            }
            ("writev", [fd, vectors, _]) => {
                let (data, hole) = self.data_of(fd, vectors)?;
                Call::Send {
                    fd: self.fd(fd)?,
                    data,
                    hole,
                    address: None,
                    control: Vec::new(),
                    flags: 0,
                }
            }
            ("sendmsg", [fd, message, flags]) => {
                let header = message_header(message)?;
                let name = header.name.map(|name| self.remote_address(name));
                let name = name.transpose()?;
                let control = header
                    .control
                    .map(|control| self.control(control))
                    .transpose()?;
                let (data, hole) = self.data_of(fd, header.vectors)?;
                Call::Send {
                    fd: self.fd(fd)?,
                    data,
                    hole,
                    address: name,
                    control: control.unwrap_or_default(),
                    flags: self.int(flags)?,
                }
            }
            ("read", [fd, data, length]) => self.receive(fd, data, length, None)?,
            ("recv", [fd, data, length, flags]) => self.receive(fd, data, length, Some(flags))?,
            ("recvfrom", [fd, data, length, flags, ..]) => {
                self.receive(fd, data, length, Some(flags))?
            }
            ("readv", [fd, vectors, _]) => {
                let (lengths, hole) = self.lengths(vectors)?;
                Call::Receive {
                    fd: self.fd(fd)?,
                    lengths,
                    hole,
                    control_room: 0,
                    flags: 0,
                }
            }
            ("recvmsg", [fd, message, flags]) => {
                let header = message_header(message)?;
                let (lengths, hole) = self.lengths(header.vectors)?;
                Call::Receive {
                    fd: self.fd(fd)?,
                    lengths,
                    hole,
                    control_room: if header.control.is_some() { 512 } else { 0 },
                    flags: self.int(flags)?,
                }
            }
            ("shutdown", [fd, how]) => Call::Shutdown {
                fd: self.fd(fd)?,
                how: self.int(how)?,
            },
            ("close", [fd]) => Call::Close { fd: self.fd(fd)? },
            ("setsockopt", [fd, level, name, value, length]) => {
                let length = self.length(length, 4)?;
                Call::SetOption {
                    fd: self.fd(fd)?,
                    level: self.int(level)?,
                    name: self.int(name)?,
                    value: self.option_value(value, length)?,
                }
            }
            ("getsockopt", [fd, level, name, _, length]) => Call::GetOption {
                fd: self.fd(fd)?,
                level: self.int(level)?,
                name: self.int(name)?,
                length: self.length(length, 256)?,
            },
            ("getsockname", [fd, _, _]) => Call::LocalName { fd: self.fd(fd)? },
            ("getpeername", [fd, _, _]) => Call::PeerName { fd: self.fd(fd)? },
            ("fcntl", [fd, command, rest @ ..]) => Call::Fcntl {
                fd: self.fd(fd)?,
                command: self.int(command)?,
                value: rest.first().map_or(Ok(0), |value| self.int(value))?,
            },
            ("ioctl", [fd, request, _]) => Call::Ioctl {
                fd: self.fd(fd)?,
                request: self.int(request)?.cast_unsigned(),
            },
            ("poll", [list, _, timeout]) => {
                let mut entries = Vec::new();
                for (whole, fields) in structures(list)? {
                    only(fields, &["fd", "events", "revents"])?;
                    let fd = field(fields, "fd").ok_or_else(|| not_understood(whole, "`fd`"))?;
                    let events = field(fields, "events").map_or(Ok(0), |e| self.int(e))?;
                    let events = i16::try_from(events)
                        .map_err(|_| not_understood(whole, "the bits of poll"))?;
                    entries.push((self.fd(fd)?, events));
                }
                Call::Poll {
                    list: entries,
                    timeout: self.int(timeout)?,
                }
            }
            ("epoll_create", [_]) => Call::EpollCreate { flags: 0 },
            ("epoll_create1", [flags]) => Call::EpollCreate {
                flags: self.int(flags)?,
            },
            ("epoll_ctl", [epoll, operation, fd, event]) => {
                let (events, data) = match &event.value {
                    Value::Structure(fields) => self.epoll_event(fields)?,
                    _ => (0, 0),
                };
                Call::EpollControl {
                    epoll: self.fd(epoll)?,
                    operation: self.int(operation)?,
                    fd: self.fd(fd)?,
                    events,
                    data,
                }
            }
            ("epoll_wait", [epoll, _, room, timeout]) => Call::EpollWait {
                epoll: self.fd(epoll)?,
                room: self.int(room)?,
                timeout: self.int(timeout)?,
            },
            (name, arguments) => {
                let count = arguments.len();
                let what = format!("`{name}` with {count} arguments is no call known here");
                return Err(Failure::new(place, what));
            }
        })
    }

    /// `{events=EPOLLIN, fd=4}`; the data is any of `fd`, `ptr`, `u32`, `u64`.
    pub(super) fn epoll_event(&self, fields: &[Field]) -> Outcome<(u32, u64)> {
        only(fields, &["events", "fd", "ptr", "u32", "u64"])?;
        let events = field(fields, "events").map_or(Ok(0), |events| self.int(events))?;
        let data = ["fd", "ptr", "u32", "u64"];
        let data = data.iter().find_map(|name| field(fields, name));
        let data = data.map_or(Ok(0), |data| self.number(data))?;
        Ok((events.cast_unsigned(), data.cast_unsigned()))
    }

    fn remote_address(&self, expression: &Expression) -> Outcome<Vec<u8>> {
        let Setup {
            remote,
            connect_port,
            ..
        } = *self.setup;
        self.address(expression, remote, connect_port)
    }

    /// An address; `...` is the one given.
    fn address(&self, expression: &Expression, ip: IpAddr, port: u16) -> Outcome<Vec<u8>> {
        match &expression.value {
            Value::Any => Ok(self.socket_address(ip, port)),
            Value::Structure(fields) => self.sockaddr(fields, expression),
            // Of a `struct sockaddr` the family alone, which is to say none.
            Value::Name(name) if name == UNSPECIFIED => Ok(vec![0; 16]),
            _ => Err(not_understood(expression, "an address")),
        }
    }

    fn send(
        &self,
        fd: &Expression,
        data: &Expression,
        length: &Expression,
        flags: Option<&Expression>,
        address: Option<&Expression>,
    ) -> Outcome<Call> {
        let length = self.length(length, 0)?;
        let address = match address {
            Some(address) if !matches!(&address.value, Value::Name(name) if name != UNSPECIFIED) => {
                Some(self.remote_address(address)?)
            }
            _ => None,
        };
        Ok(Call::Send {
            fd: self.fd(fd)?,
            data: vec![self.data(data, self.offset(fd)?, length)?],
            hole: (is_null(data) && length > 0).then_some(0),
            address,
            control: Vec::new(),
            flags: flags.map_or(Ok(0), |flags| self.int(flags))?,
        })
    }

    /// How much was written into the stream so far.
    fn offset(&self, fd: &Expression) -> Outcome<usize> {
        let fd = self.int(fd)?;
        Ok(self.files.get(&fd).map_or(0, |file| file.written.len()))
    }

    fn data(&self, data: &Expression, offset: usize, length: usize) -> Outcome<Vec<u8>> {
        match &data.value {
            Value::Any | Value::Name(_) | Value::Number(_) => Ok(flow::bytes(offset, length)),
            Value::Text(text) => {
                let mut bytes = bytes_of(text);
                bytes.resize(length, 0);
                Ok(bytes)
            }
            _ => Err(not_understood(data, "data")),
        }
    }

    /// The pieces of an `iovec` list: where each begins and how long it is; and the first that is nowhere in memory.
    fn vectors(&self, list: &Expression) -> Outcome<(Vec<Piece>, Option<usize>)> {
        let Value::Array(list) = &list.value else {
            return Err(not_understood(list, "a list of buffers"));
        };
        let mut pieces = Vec::new();
        let (mut from, mut hole) = (0, None);
        for piece in list {
            let Value::Structure(fields) = &piece.value else {
                return Err(not_understood(piece, "a buffer"));
            };
            only(fields, &["iov_base", "iov_len"])?;
            let [base, length] = fields.as_slice() else {
                return Err(not_understood(piece, "a buffer"));
            };
            let length = self.length(&length.value, 0)?;
            if is_null(&base.value) && length > 0 {
                hole.get_or_insert(pieces.len());
            }
            pieces.push((from, length));
            from += length;
        }
        Ok((pieces, hole))
    }

    fn lengths(&self, list: &Expression) -> Outcome<(Vec<usize>, Option<usize>)> {
        let (pieces, hole) = self.vectors(list)?;
        Ok((pieces.into_iter().map(|(_, length)| length).collect(), hole))
    }

    pub(super) fn data_of(
        &self,
        fd: &Expression,
        list: &Expression,
    ) -> Outcome<(Vec<Vec<u8>>, Option<usize>)> {
        let offset = self.offset(fd)?;
        let (pieces, hole) = self.vectors(list)?;
        let data = |(from, length)| flow::bytes(offset + from, length);
        Ok((pieces.into_iter().map(data).collect(), hole))
    }

    fn receive(
        &self,
        fd: &Expression,
        data: &Expression,
        length: &Expression,
        flags: Option<&Expression>,
    ) -> Outcome<Call> {
        let length = self.length(length, 0)?;
        Ok(Call::Receive {
            fd: self.fd(fd)?,
            lengths: vec![length],
            hole: (is_null(data) && length > 0).then_some(0),
            control_room: 0,
            flags: flags.map_or(Ok(0), |flags| self.int(flags))?,
        })
    }
}
