//! Structures of C, from the script's fields to bytes and back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV6};

use sockeye_core::SocketAddress;
use sockeye_linux::address;

use super::{Context, not_understood};
use crate::ast::{Expression, Field, Value};
use crate::failure::{Failure, Outcome};
use crate::setup::Family;

/// A field by its name.
pub(super) fn field<'a>(fields: &'a [Field], name: &str) -> Option<&'a Expression> {
    let found = fields
        .iter()
        .find(|field| field.name.as_deref() == Some(name));
    found.map(|field| &field.value)
}

/// Refuses fields that nobody would look at.
pub(super) fn only(fields: &[Field], names: &[&str]) -> Outcome<()> {
    for field in fields {
        if let Some(name) = &field.name
            && !names.contains(&name.as_str())
        {
            return Err(Failure::new(
                field.value.place,
                format!("the field `{name}` is not known"),
            ));
        }
    }
    Ok(())
}

/// A text's bytes: the lexer made each one a character.
pub(super) fn bytes_of(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
        .collect()
}

impl Context<'_> {
    /// An address of a family as bytes.
    pub(super) fn socket_address(&self, ip: IpAddr, port: u16) -> Vec<u8> {
        let ip = match (ip, self.setup.family) {
            (IpAddr::V4(ip), Family::Mapped) => ip.to_ipv6_mapped().into(),
            (ip, _) => ip,
        };
        address::encode(&SocketAddress::new(ip, port))
    }

    /// `{sa_family = AF_INET, sin_port = htons(8080), sin_addr = inet_addr("192.168.0.1")}`
    pub(super) fn sockaddr(&self, fields: &[Field], whole: &Expression) -> Outcome<Vec<u8>> {
        only(
            fields,
            &[
                "sa_family",
                "sin_family",
                "sin6_family",
                "sin_port",
                "sin6_port",
                "sin_addr",
                "sin6_addr",
                "sin6_flowinfo",
                "sin6_scope_id",
            ],
        )?;
        let any = |names: &[&str]| names.iter().find_map(|name| field(fields, name));
        let family = any(&["sa_family", "sin_family", "sin6_family"]);
        let family = family.ok_or_else(|| not_understood(whole, "an address"))?;
        let family = u16::try_from(self.int(family)?).unwrap_or(0);
        let port = any(&["sin_port", "sin6_port"]).map_or(Ok(0), |port| self.int(port))?;
        let port = u16::try_from(port).map_err(|_| not_understood(whole, "a port"))?;
        let ip = match any(&["sin_addr", "sin6_addr"]) {
            Some(expression) => self.ip(expression)?,
            None if family == 2 => Ipv4Addr::UNSPECIFIED.into(),
            None => Ipv6Addr::UNSPECIFIED.into(),
        };
        let mut bytes = match (family, ip) {
            (2, ip @ IpAddr::V4(_)) => address::encode(&SocketAddress::new(ip, port)),
            (10, ip) => {
                let ip = match ip {
                    IpAddr::V4(ip) => ip.to_ipv6_mapped(),
                    IpAddr::V6(ip) => ip,
                };
                let scope = field(fields, "sin6_scope_id").map_or(Ok(0), |s| self.int(s))?;
                let flow = field(fields, "sin6_flowinfo").map_or(Ok(0), |s| self.int(s))?;
                let address =
                    SocketAddrV6::new(ip, port, flow.cast_unsigned(), scope.cast_unsigned());
                address::encode(&SocketAddress::V6(address))
            }
            (_, ip) => address::encode(&SocketAddress::new(ip, port)),
        };
        for (place, byte) in bytes.iter_mut().zip(family.to_ne_bytes()) {
            *place = byte;
        }
        Ok(bytes)
    }

    fn ip(&self, expression: &Expression) -> Outcome<IpAddr> {
        let text = match &expression.value {
            Value::Text(text) => text,
            Value::Function(name, arguments)
                if matches!(name.as_str(), "inet_addr" | "inet_pton") =>
            {
                match arguments.last().map(|argument| &argument.value) {
                    Some(Value::Text(text)) => text,
                    _ => return Err(not_understood(expression, "an address")),
                }
            }
            Value::Name(_) | Value::Number(_) | Value::Function(..) => {
                let bits = self.int(expression)?.cast_unsigned();
                return Ok(Ipv4Addr::from_bits(bits).into());
            }
            _ => return Err(not_understood(expression, "an address")),
        };
        text.parse()
            .map_err(|_| Failure::new(expression.place, format!("`{text}` is no address")))
    }

    /// The value of an option as bytes.
    pub(super) fn option_value(&self, value: &Expression, length: usize) -> Outcome<Vec<u8>> {
        let mut bytes = match &value.value {
            Value::Text(text) => bytes_of(text),
            Value::Structure(fields) => self.small_structure(fields, value)?,
            Value::Array(list) if list.len() != 1 => {
                let mut bytes = Vec::new();
                for element in list {
                    bytes.extend_from_slice(&self.int(element)?.to_ne_bytes());
                }
                bytes
            }
            Value::Array(list) => match list.first() {
                Some(one) if matches!(one.value, Value::Structure(_) | Value::Text(_)) => {
                    return self.option_value(one, length);
                }
                Some(one) => self.number(one)?.to_ne_bytes().to_vec(),
                None => Vec::new(),
            },
            _ => self.number(value)?.to_ne_bytes().to_vec(),
        };
        bytes.resize(length, 0);
        Ok(bytes)
    }

    /// `struct linger`, `struct timeval` and what else is a row of numbers.
    pub(super) fn small_structure(&self, fields: &[Field], whole: &Expression) -> Outcome<Vec<u8>> {
        if field(fields, "sa_family").is_some() {
            return self.sockaddr(fields, whole);
        }
        let ints = ["onoff", "linger", "l_onoff", "l_linger"];
        let longs = ["tv_sec", "tv_usec"];
        let mut bytes = Vec::new();
        for field in fields {
            let number = self.number(&field.value)?;
            match field.name.as_deref() {
                Some(name) if ints.contains(&name) => {
                    bytes.extend_from_slice(&self.int(&field.value)?.to_ne_bytes());
                }
                Some(name) if longs.contains(&name) => {
                    bytes.extend_from_slice(&number.to_ne_bytes());
                }
                Some(name) => {
                    let what = format!("the field `{name}` is not known");
                    return Err(Failure::new(field.value.place, what));
                }
                None => return Err(not_understood(&field.value, "a field")),
            }
        }
        Ok(bytes)
    }

    /// Control messages as bytes: what `cmsg_data` may be is a number or an extended error.
    pub(super) fn control(&self, list: &Expression) -> Outcome<Vec<u8>> {
        let elements = match &list.value {
            Value::Array(elements) => elements.as_slice(),
            _ => return Err(not_understood(list, "control messages")),
        };
        let mut bytes = Vec::new();
        for element in elements {
            let Value::Structure(fields) = &element.value else {
                return Err(not_understood(element, "a control message"));
            };
            only(
                fields,
                &["cmsg_len", "cmsg_level", "cmsg_type", "cmsg_data"],
            )?;
            let part = |name: &str| {
                field(fields, name).ok_or_else(|| not_understood(element, &format!("`{name}`")))
            };
            let level = self.int(part("cmsg_level")?)?;
            let kind = self.int(part("cmsg_type")?)?;
            let data = part("cmsg_data")?;
            let data = match &data.value {
                Value::Structure(fields) if field(fields, "scm_sec").is_some() => {
                    self.stamp(fields)?
                }
                Value::Structure(fields) => self.extended_error(fields, data)?,
                _ => self.int(data)?.to_ne_bytes().to_vec(),
            };
            let length = u64::try_from(data.len() + 16).unwrap_or(0);
            bytes.extend_from_slice(&length.to_ne_bytes());
            bytes.extend_from_slice(&level.to_ne_bytes());
            bytes.extend_from_slice(&kind.to_ne_bytes());
            bytes.extend_from_slice(&data);
            bytes.resize(bytes.len().next_multiple_of(8), 0);
        }
        Ok(bytes)
    }

    /// The first `timespec` of `struct scm_timestamping`.
    fn stamp(&self, fields: &[Field]) -> Outcome<Vec<u8>> {
        only(fields, &["scm_sec", "scm_nsec"])?;
        let number = |name: &str| field(fields, name).map_or(Ok(0), |e| self.number(e));
        let mut bytes = number("scm_sec")?.to_ne_bytes().to_vec();
        bytes.extend_from_slice(&number("scm_nsec")?.to_ne_bytes());
        Ok(bytes)
    }

    /// `struct sock_extended_err`, without the offender's address.
    fn extended_error(&self, fields: &[Field], whole: &Expression) -> Outcome<Vec<u8>> {
        let names = [
            "ee_errno",
            "ee_origin",
            "ee_type",
            "ee_code",
            "ee_info",
            "ee_data",
        ];
        only(fields, &names)?;
        let number = |name: &str| field(fields, name).map_or(Ok(0), |e| self.int(e));
        let byte =
            |name: &str| u8::try_from(number(name)?).map_err(|_| not_understood(whole, "a byte"));
        let mut bytes = number("ee_errno")?.to_ne_bytes().to_vec();
        bytes.extend_from_slice(&[byte("ee_origin")?, byte("ee_type")?, byte("ee_code")?, 0]);
        bytes.extend_from_slice(&number("ee_info")?.to_ne_bytes());
        bytes.extend_from_slice(&number("ee_data")?.to_ne_bytes());
        Ok(bytes)
    }
}
