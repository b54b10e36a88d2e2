//! Packets.

use super::Parser;
use crate::ast::{Body, Ecn, Icmp, IpNotes, Packet, Quoted, Range, Segment, TcpOption};
use crate::failure::{Failure, Outcome};
use crate::lex::Kind;

impl Parser {
    pub(super) fn packet(&mut self) -> Outcome<Packet> {
        let is_inbound = *self.peek() == Kind::Symbol('<');
        self.next();
        let mut ip = IpNotes::default();
        let mut quoted = None;
        if self.skip('[') {
            match (self.peek(), self.ahead(1)) {
                (Kind::Integer(_), Kind::Symbol(':')) => {
                    quoted = Some(Quoted::Segment(self.range()?));
                    self.expect(']')?;
                }
                (Kind::Word(word), Kind::Symbol('(')) if word == "udp" => {
                    self.next();
                    quoted = Some(Quoted::Udp(self.in_parentheses()?));
                    self.expect(']')?;
                }
                _ => ip = self.ip_notes()?,
            }
        }
        let ports = match (self.peek(), self.ahead(1)) {
            (Kind::Integer(_), Kind::Symbol('>')) => {
                let source = self.number("a port")?;
                self.next();
                let destination = self.number("a port")?;
                self.skip(':');
                Some((source, destination))
            }
            _ => None,
        };
        let body = if self.skip_word("udp") {
            Body::Udp {
                length: self.in_parentheses()?,
            }
        } else if matches!(self.peek(), Kind::Word(word) if word == "icmp") {
            Body::Icmp(self.icmp(quoted)?)
        } else {
            Body::Tcp(self.segment()?)
        };
        Ok(Packet {
            is_inbound,
            ip,
            ports,
            body,
        })
    }

    fn in_parentheses(&mut self) -> Outcome<usize> {
        self.expect('(')?;
        let length = self.number("a length")?;
        self.expect(')')?;
        Ok(length)
    }

    fn ip_notes(&mut self) -> Outcome<IpNotes> {
        let mut notes = IpNotes::default();
        loop {
            let Kind::Word(word) = self.peek().clone() else {
                return Err(self.unexpected("`ect0`, `ce`, `tos`, `ttl` or the like"));
            };
            let place = self.place();
            self.next();
            match word.as_str() {
                "noecn" => notes.ecn = Some(Ecn::None),
                "ect0" => notes.ecn = Some(Ecn::Ect0),
                "ect1" => notes.ecn = Some(Ecn::Ect1),
                "ect01" => notes.ecn = Some(Ecn::Ect01),
                "ce" => notes.ecn = Some(Ecn::Ce),
                "tos" => notes.traffic_class = Some(self.number("a type of service")?),
                "ttl" => notes.hop_limit = Some(self.number("a time to live")?),
                "flowlabel" => notes.flow_label = Some(self.number("a flow label")?),
                _ => {
                    let what = format!("`{word}` is not known of an IP header");
                    return Err(Failure::new(place, what));
                }
            }
            if self.skip(']') {
                return Ok(notes);
            }
            self.expect(',')?;
        }
    }

    fn segment(&mut self) -> Outcome<Segment> {
        let flags = self.flags()?;
        let range = self.range()?;
        let mut segment = Segment {
            flags,
            range,
            ack: None,
            window: None,
            urgent: None,
            options: Some(Vec::new()),
        };
        if self.skip_word("ack") {
            segment.ack = Some(self.number("an acknowledgment")?);
        }
        if self.skip_word("win") {
            segment.window = Some(self.number("a window")?);
        }
        if self.skip_word("urg") {
            segment.urgent = Some(self.number("an urgent pointer")?);
        }
        if self.skip('<') {
            segment.options = self.options()?;
        }
        Ok(segment)
    }

    fn flags(&mut self) -> Outcome<u16> {
        const ACK: u16 = 0x10;
        if self.skip('-') {
            return Ok(0);
        }
        let mut flags = 0;
        if let Kind::Word(letters) = self.peek().clone() {
            for letter in letters.chars() {
                flags |= match letter {
                    'F' => 0x01,
                    'S' => 0x02,
                    'R' => 0x04,
                    'P' => 0x08,
                    'U' => 0x20,
                    'E' => 0x40,
                    'W' | 'C' => 0x80,
                    'A' => 0x100,
                    _ => {
                        let what = format!("`{letter}` in `{letters}` is no flag");
                        return Err(Failure::new(self.place(), what));
                    }
                };
            }
            self.next();
            if self.skip('.') {
                flags |= ACK;
            }
            return Ok(flags);
        }
        if self.skip('.') {
            return Ok(ACK);
        }
        Err(self.unexpected("the flags of a segment"))
    }

    fn range(&mut self) -> Outcome<Range> {
        let place = self.place();
        let start: u32 = self.number("a sequence number")?;
        self.expect(':')?;
        let end: u32 = self.number("a sequence number")?;
        let length = self.in_parentheses()?;
        let spanned = usize::try_from(end.wrapping_sub(start)).unwrap_or(usize::MAX);
        if spanned != length {
            let what = format!("{start}:{end} is {spanned} bytes long, not {length}");
            return Err(Failure::new(place, what));
        }
        Ok(Range { start, length })
    }

    fn options(&mut self) -> Outcome<Option<Vec<TcpOption>>> {
        if *self.peek() == Kind::Ellipsis {
            self.next();
            self.expect('>')?;
            return Ok(None);
        }
        let mut options = Vec::new();
        if self.skip('>') {
            return Ok(Some(options));
        }
        loop {
            options.push(self.option()?);
            if self.skip('>') {
                return Ok(Some(options));
            }
            if !self.skip(',') {
                return Err(self.unexpected("`,` or `>`"));
            }
        }
    }

    fn option(&mut self) -> Outcome<TcpOption> {
        let Kind::Word(word) = self.peek().clone() else {
            return Err(self.unexpected("a TCP option"));
        };
        let place = self.place();
        self.next();
        Ok(match word.as_str() {
            "nop" => TcpOption::Nop,
            "eol" => TcpOption::End,
            "mss" => TcpOption::Mss(self.number("a segment size")?),
            "wscale" => TcpOption::WindowScale(self.number("a window scale")?),
            "sackOK" => TcpOption::SackOk,
            "sack" => {
                let mut blocks = Vec::new();
                while let Kind::Integer(_) = self.peek() {
                    let start = self.number("a sequence number")?;
                    self.expect(':')?;
                    blocks.push((start, self.number("a sequence number")?));
                }
                TcpOption::Sack(blocks)
            }
            "TS" => {
                self.expect_word("val")?;
                let value = self.number("a timestamp")?;
                self.expect_word("ecr")?;
                let echo = self.number("a timestamp")?;
                TcpOption::Timestamps { value, echo }
            }
            "FO" => TcpOption::FastOpen(self.cookie()?),
            "FOEXP" => TcpOption::FastOpenExperiment(self.cookie()?),
            "md5" => {
                if let Kind::Word(_) = self.peek() {
                    self.next();
                }
                TcpOption::Md5
            }
            // Not of the reference: any option by its number and bytes.
            "kind" => {
                let kind = self.number("an option's kind")?;
                TcpOption::Other(kind, self.cookie()?)
            }
            // Nor this: bytes that need not make an option.
            "raw" => TcpOption::Raw(self.cookie()?),
            _ => {
                return Err(Failure::new(
                    place,
                    format!("`{word}` is no TCP option known here"),
                ));
            }
        })
    }

    /// Hexadecimal digits, which may look like a number.
    fn cookie(&mut self) -> Outcome<Vec<u8>> {
        let token = self.token().clone();
        if !matches!(token.kind, Kind::Word(_) | Kind::Integer(_)) {
            return Ok(Vec::new());
        }
        let digits = token.written.trim_start_matches("0x");
        let pairs = digits.as_bytes().chunks(2);
        let bytes: Option<Vec<u8>> = pairs
            .map(|pair| {
                let pair = std::str::from_utf8(pair)
                    .ok()
                    .filter(|pair| pair.len() == 2)?;
                u8::from_str_radix(pair, 16).ok()
            })
            .collect();
        self.next();
        bytes.ok_or_else(|| {
            Failure::new(token.place, format!("{} is no row of bytes", token.name()))
        })
    }

    fn icmp(&mut self, quoted: Option<Quoted>) -> Outcome<Icmp> {
        let place = self.place();
        self.next();
        let Kind::Word(kind) = self.peek().clone() else {
            return Err(self.unexpected("the type of an ICMP message"));
        };
        self.next();
        let mut icmp = Icmp {
            place,
            kind,
            code: None,
            mtu: None,
            quoted,
        };
        loop {
            match self.peek().clone() {
                Kind::Word(word) if word == "mtu" => {
                    self.next();
                    icmp.mtu = Some(self.number("an MTU")?);
                }
                Kind::Word(word) if icmp.code.is_none() => {
                    self.next();
                    icmp.code = Some(word);
                }
                Kind::Symbol('[') => {
                    self.next();
                    icmp.quoted = Some(if self.skip_word("udp") {
                        Quoted::Udp(self.in_parentheses()?)
                    } else {
                        Quoted::Segment(self.range()?)
                    });
                    self.expect(']')?;
                }
                _ => return Ok(icmp),
            }
        }
    }
}
