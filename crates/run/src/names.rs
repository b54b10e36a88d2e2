//! Abstract AF_UNIX names of the run's conduits.
//!
//! Each is a token that only this run knows to use, and a serial number. Names are no secret (`/proc/net/unix` shows
//! them), so a connection that arrives under one is believed only if the supervisor itself made it: the kernel says who
//! did.

mod long;

use long::LongNames;

use crate::sys::Name;

/// A serial number; none is used twice in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Serial(pub(crate) u64);

/// The names of one run.
#[derive(Debug)]
pub(crate) struct Names {
    prefix: Vec<u8>,
    next: u64,
    long: LongNames,
    /// The last number of a name that was chosen for the program.
    chosen: u32,
}

impl Names {
    /// `token` is random.
    pub(crate) fn new(token: u64) -> Names {
        Names {
            prefix: format!("sockeye-{token:016x}-").into_bytes(),
            next: 1,
            long: LongNames::default(),
            // Half of a random number is one.
            chosen: u32::try_from(token & 0xffff_ffff).unwrap_or(0),
        }
    }

    pub(crate) fn serial(&mut self) -> Serial {
        let serial = Serial(self.next);
        self.next += 1;
        serial
    }

    /// The name of a conduit.
    pub(crate) fn name(&self, serial: Serial) -> Name {
        let mut bytes = self.prefix.clone();
        bytes.extend_from_slice(format!("{:x}", serial.0).as_bytes());
        Name::abstract_name(&bytes)
    }

    /// The serial number in a name of ours.
    pub(crate) fn serial_of(&self, name: &Name) -> Option<Serial> {
        let rest = name.as_abstract()?.strip_prefix(self.prefix.as_slice())?;
        Some(Serial(
            u64::from_str_radix(std::str::from_utf8(rest).ok()?, 16).ok()?,
        ))
    }

    /// A name that stands for an internet address: datagrams that come from it come from there. `salt` keeps names
    /// apart that several ends bind for the same address.
    pub(crate) fn address_name(&self, salt: u64, address: &[u8]) -> Name {
        let mut bytes = self.prefix.clone();
        bytes.extend_from_slice(format!("a{salt:x}-").as_bytes());
        for byte in address {
            bytes.extend_from_slice(format!("{byte:02x}").as_bytes());
        }
        Name::abstract_name(&bytes)
    }

    /// The address that a name stands for.
    pub(crate) fn address_of(&self, name: &Name) -> Option<Vec<u8>> {
        let rest = name
            .as_abstract()?
            .strip_prefix(self.prefix.as_slice())?
            .strip_prefix(b"a")?;
        let text = std::str::from_utf8(rest).ok()?;
        let (_, hex) = text.split_once('-')?;
        hex.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect()
    }

    /// The program's own abstract name `name`, made private to the run; `None` if it is longer than a name can be.
    pub(crate) fn private(&self, name: &[u8]) -> Option<Name> {
        if name.len() > LONGEST {
            return None;
        }
        let short = [self.token(), b"@", name].concat();
        Some(if short.len() <= LONGEST {
            Name::abstract_name(&short)
        } else {
            self.numbered(self.long.number(name))
        })
    }

    /// The same for a name that is about to be bound. `is_free` says whether nobody has a private name any more.
    pub(crate) fn private_to_bind(
        &mut self,
        name: &[u8],
        is_free: impl Fn(&Name) -> bool,
    ) -> Option<Name> {
        if name.len() <= LONGEST && self.token().len() + 1 + name.len() > LONGEST {
            let token = self.token().to_vec();
            self.long
                .remember(name, |number| is_free(&numbered(&token, number)))?;
        }
        self.private(name)
    }

    /// What the program called the private name.
    pub(crate) fn public<'a>(&'a self, name: &'a Name) -> Option<&'a [u8]> {
        match name.as_abstract()?.strip_prefix(self.token())? {
            [b'@', name @ ..] => Some(name),
            [b'#', number @ ..] => {
                let number = std::str::from_utf8(number).ok()?;
                self.long.name(u64::from_str_radix(number, 16).ok()?)
            }
            _ => None,
        }
    }

    /// The next number to try for a name that the program leaves to the system.
    pub(crate) fn choose(&mut self) -> u32 {
        self.chosen = self.chosen.wrapping_add(1);
        self.chosen
    }

    fn numbered(&self, number: u64) -> Name {
        numbered(self.token(), number)
    }

    /// What the kernel's name begins with where the program's begins with nothing.
    pub(crate) fn private_prefix(&self) -> String {
        format!("{}@", String::from_utf8_lossy(self.token()))
    }

    /// Short, because the program's names may be long.
    fn token(&self) -> &[u8] {
        self.prefix.get(8..16).unwrap_or_default()
    }
}

/// The longest abstract name, without the leading zero.
pub(crate) const LONGEST: usize = 107;

fn numbered(token: &[u8], number: u64) -> Name {
    Name::abstract_name(&[token, format!("#{number:x}").as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_they_stand_for() {
        let mut names = Names::new(7);
        let serial = names.serial();
        assert_eq!(names.serial_of(&names.name(serial)), Some(serial));
        let name = names.address_name(3, &[2, 0, 0x1f, 0x90, 127, 0, 0, 1]);
        assert_eq!(
            names.address_of(&name),
            Some(vec![2, 0, 0x1f, 0x90, 127, 0, 0, 1])
        );
        assert_eq!(names.serial_of(&name), None);
        assert_eq!(Names::new(8).serial_of(&names.name(serial)), None);
    }

    #[test]
    fn private_names_are_told_by_their_run() {
        let names = Names::new(0x1234_5678_9abc_def0);
        let name = names.private(b"bus\0x").unwrap();
        assert_eq!(names.public(&name), Some(b"bus\0x".as_slice()));
        assert_eq!(Names::new(1).public(&name), None);
        assert!(names.private(&[b'a'; 108]).is_none());
    }

    #[test]
    fn the_longest_names_fit_too() {
        let mut names = Names::new(7);
        for length in 90..=LONGEST {
            let name = vec![b'a'; length];
            let unbound = names.private(&name).unwrap();
            let bound = names.private_to_bind(&name, |_| false).unwrap();
            assert_eq!(names.public(&bound), Some(name.as_slice()));
            assert_eq!(names.private(&name).unwrap().bytes(), bound.bytes());
            let is_long = length > LONGEST - 9;
            assert_eq!(unbound.bytes() != bound.bytes(), is_long);
        }
        assert!(names.private_to_bind(&[b'a'; 108], |_| false).is_none());
    }

    #[test]
    fn an_ipv6_address_fits_into_a_name() {
        let names = Names::new(u64::MAX);
        let address = [0xff; 28];
        let name = names.address_name(0xffff, &address);
        assert_eq!(names.address_of(&name), Some(address.to_vec()));
    }
}
