//! What a script's settings ask of the machine it runs on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::ast::{Script, Setting};
use crate::failure::{Failure, Outcome};
use crate::parse::define::{Defines, definition};
use crate::shell::{self, Command};

/// Over which addresses a script runs: `--ip_version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `AF_INET`.
    V4,
    /// `AF_INET6`.
    V6,
    /// `AF_INET6` sockets with IPv4 addresses.
    Mapped,
}

impl Family {
    /// All of them.
    pub const ALL: [Family; 3] = [Family::V4, Family::V6, Family::Mapped];

    /// Its name in `--ip_version`.
    pub fn name(self) -> &'static str {
        match self {
            Family::V4 => "ipv4",
            Family::V6 => "ipv6",
            Family::Mapped => "ipv4-mapped-ipv6",
        }
    }

    pub(crate) fn domain(self) -> i32 {
        if self == Family::V4 { 2 } else { 10 }
    }
}

impl FromStr for Family {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut all = Family::ALL.into_iter();
        let found = all.find(|family| family.name() == name);
        found.ok_or_else(|| format!("`{name}` is none of ipv4, ipv6 and ipv4-mapped-ipv6"))
    }
}

/// The machine that a script wants.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The addresses' family.
    pub family: Family,
    /// The address of the stack under test.
    pub local: IpAddr,
    /// The address of the other end, which the script plays.
    pub remote: IpAddr,
    /// The longest packet.
    pub mtu: usize,
    /// How far from its time something may happen, in microseconds.
    pub tolerance: i64,
    /// The same in percent of the time that passes before it, if that is more.
    pub(crate) tolerance_percent: i64,
    /// System-wide settings with their values, in order.
    pub sysctls: Vec<(String, String)>,
    /// Whether long writes may leave the stack as super-segments.
    pub segmentation: bool,
    /// How long one tick of the stack's timestamps lasts, in microseconds, where the script has that checked.
    pub(crate) timestamp_tick: Option<i64>,
}

/// The families that a script is for: one if it says so, else all.
pub(crate) fn families(settings: &[Setting]) -> Outcome<Vec<Family>> {
    let setting = settings.iter().find(|s| s.name == "ip_version");
    let Some(setting) = setting else {
        return Ok(Family::ALL.to_vec());
    };
    let value = setting.value.as_deref().unwrap_or_default();
    let family = value.parse().map(|family| vec![family]);
    family.map_err(|why: String| Failure::new(setting.place, why))
}

/// What names stand for: what the runners of the public scripts define, then what the script does.
pub(crate) fn defines(settings: &[Setting], family: Family) -> Outcome<Defines> {
    let is_v6 = family == Family::V6;
    let pairs = [
        ("CMSG_LEVEL_IP", ["SOL_IP", "SOL_IPV6"]),
        ("CMSG_TYPE_RECVERR", ["IP_RECVERR", "IPV6_RECVERR"]),
        ("CODE", ["host_unreachable", "address_unreachable"]),
        // What the key of `defaults.sh` makes of the two addresses, and the key of zeros.
        ("TFO_COOKIE", ["3021b9d889017eeb", "c1d1e9742a47a9bc"]),
        ("TFO_COOKIE_ZERO", ["b7c12350a90dc8f5", "82af1a8f9a205c34"]),
    ];
    let mut defines: Defines = pairs
        .into_iter()
        .map(|(name, [v4, v6])| (name.to_owned(), if is_v6 { v6 } else { v4 }.to_owned()))
        .collect();
    for setting in settings {
        let Setting { place, name, value } = setting;
        if matches!(name.as_str(), "define" | "D") {
            let text = value.as_deref().unwrap_or_default();
            let bad = || Failure::new(*place, format!("`{text}` is no value for --{name}"));
            defines.extend([definition(text).ok_or_else(bad)?]);
        }
    }
    Ok(defines)
}

/// The machine for one of a script's families.
pub(crate) fn setup(script: &Script, family: Family) -> Outcome<Setup> {
    // The addresses are those of RFC 5737 and RFC 4193 that packetdrill itself takes.
    let is_v6 = family == Family::V6;
    let (local, remote): (IpAddr, IpAddr) = if is_v6 {
        let address = |[a, b]: [u16; 2]| Ipv6Addr::from([0xfd3d, a, b, 0, 0, 0, 0, 1]);
        (
            address([0x0a0b, 0x17d6]).into(),
            address([0xfa7b, 0xd17d]).into(),
        )
    } else {
        let local = Ipv4Addr::new(192, 168, 0, 1);
        (local.into(), Ipv4Addr::new(192, 0, 2, 1).into())
    };
    let mut setup = Setup {
        family,
        local,
        remote,
        // So that the segment size is 1460 in both.
        mtu: if is_v6 { 1520 } else { 1500 },
        tolerance: 4000,
        tolerance_percent: 0,
        sysctls: Vec::new(),
        segmentation: true,
        timestamp_tick: None,
    };
    for setting in &script.settings {
        apply(&mut setup, setting)?;
    }
    for (place, command) in &script.preparation {
        for command in shell::commands(command, *place)? {
            match command {
                Command::Set(name, value) => setup.sysctls.push((name, value)),
                Command::Segmentation(is_on) => setup.segmentation = is_on,
                // Nothing has been counted yet.
                Command::Counters => {}
                Command::Grown { name, .. } => {
                    let what = format!("`{name}` can't have grown before the first event");
                    return Err(Failure::new(*place, what));
                }
            }
        }
    }
    Ok(setup)
}

fn apply(setup: &mut Setup, setting: &Setting) -> Outcome<()> {
    let Setting { place, name, value } = setting;
    let text = value.as_deref().unwrap_or_default();
    let bad = || Failure::new(*place, format!("`{text}` is no value for --{name}"));
    match name.as_str() {
        "ip_version" => {}
        "mtu" => setup.mtu = text.parse().ok().filter(|mtu| *mtu >= 68).ok_or_else(bad)?,
        // Into what packetdrill cuts a super-segment that it hands in: here each goes in whole.
        "mss" => {
            text.parse::<u16>().map_err(|_| bad())?;
        }
        // Whether packetdrill keeps the buffers of what it sent: here none is used twice.
        "send_omit_free" => {}
        "tolerance_usecs" => setup.tolerance = text.parse().map_err(|_| bad())?,
        "tolerance_percent" => {
            let percent = text
                .parse()
                .ok()
                .filter(|percent| (0..=100).contains(percent));
            setup.tolerance_percent = percent.ok_or_else(bad)?;
        }
        "local_ip" | "remote_ip" => {
            let address: IpAddr = text.parse().map_err(|_| bad())?;
            if address.is_ipv6() == setup.local.is_ipv6() {
                if name == "local_ip" {
                    setup.local = address;
                } else {
                    setup.remote = address;
                }
            }
        }
        "gateway_ip" | "wire_server_ip" => {
            text.parse::<IpAddr>().map_err(|_| bad())?;
        }
        "netmask_ip" => {
            text.parse::<Ipv4Addr>().map_err(|_| bad())?;
        }
        "tcp_ts_tick_usecs" => {
            let tick: i64 = text.parse().map_err(|_| bad())?;
            if !(0..=1_000_000).contains(&tick) {
                return Err(bad());
            }
            // None of it: not checked.
            setup.timestamp_tick = Some(tick).filter(|tick| *tick > 0);
        }
        // Their place is where the names stand.
        "define" | "D" => {}
        _ => {
            return Err(Failure::new(
                *place,
                format!("the setting `--{name}` is not known"),
            ));
        }
    }
    Ok(())
}
