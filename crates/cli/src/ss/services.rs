//! Names of ports, from the file that `getservbyport(3)` reads.

use std::collections::HashMap;

/// The names in `/etc/services`, by protocol and port.
#[derive(Debug, Default)]
pub(crate) struct Services(HashMap<(String, String), String>);

impl Services {
    /// No names: `-n`.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// The names of this machine; none if it has no such file.
    pub(crate) fn load() -> Self {
        std::fs::read_to_string("/etc/services")
            .map(|text| Self::parse(&text))
            .unwrap_or_default()
    }

    /// Lines of `name port/protocol aliases # comment`; others are passed over.
    pub(crate) fn parse(text: &str) -> Self {
        let mut names = HashMap::new();
        for line in text.lines() {
            let mut words = line
                .split('#')
                .next()
                .unwrap_or_default()
                .split_whitespace();
            let (Some(name), Some(place)) = (words.next(), words.next()) else {
                continue;
            };
            if let Some((port, protocol)) = place.split_once('/') {
                names
                    .entry((protocol.to_owned(), port.to_owned()))
                    .or_insert_with(|| name.to_owned());
            }
        }
        Self(names)
    }

    /// `ADDRESS:PORT` with the port's name, if it has one.
    pub(crate) fn named(&self, protocol: &str, address: &str) -> String {
        let named = address.rsplit_once(':').and_then(|(host, port)| {
            let name = self.0.get(&(protocol.to_owned(), port.to_owned()))?;
            Some(format!("{host}:{name}"))
        });
        named.unwrap_or_else(|| address.to_owned())
    }
}
