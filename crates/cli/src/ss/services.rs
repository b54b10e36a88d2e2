//! Names of ports, from the file that `getservbyport(3)` reads.

use std::collections::HashMap;

use sockeye_run::report::NetId;

/// The names in `/etc/services`.
#[derive(Debug, Default)]
pub(crate) struct Services(HashMap<(u16, bool), String>);

impl Services {
    /// No names: `-n`.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// The names of this machine; none if it has no such file.
    pub(crate) fn load() -> Self {
        std::fs::read_to_string("/etc/services").map(|text| Self::parse(&text)).unwrap_or_default()
    }

    /// Lines of `name port/protocol aliases # comment`; others are passed over.
    pub(crate) fn parse(text: &str) -> Self {
        let mut names = HashMap::new();
        for line in text.lines() {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let (Some(name), Some(port)) = (words.next(), words.next()) else { continue };
            let Some((port, protocol)) = port.split_once('/') else { continue };
            if let Ok(port) = port.parse() {
                names.entry((port, protocol == "udp")).or_insert_with(|| name.to_owned());
            }
        }
        Self(names)
    }

    /// The name of a port of TCP or UDP.
    pub(crate) fn name(&self, netid: NetId, port: u16) -> Option<&str> {
        let is_udp = match netid {
            NetId::Tcp => false,
            NetId::Udp => true,
            _ => return None,
        };
        self.0.get(&(port, is_udp)).map(String::as_str)
    }
}
