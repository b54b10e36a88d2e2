//! What a script's settings ask of the machine it runs on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;
use std::str::FromStr;

use crate::ast::{Script, Setting};
use crate::calls::PORT;
use crate::failure::{Failure, Outcome, Place};
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
    /// How many bits of the local address are the network's.
    pub prefix: u8,
    /// What goes in and is longer comes as a device puts it together from segments of this length.
    pub(crate) mss: Option<NonZeroU16>,
    /// The port that `bind(3, ..., ...)` means.
    pub(crate) bind_port: u16,
    /// The port that `connect(3, ..., ...)` means.
    pub(crate) connect_port: u16,
    /// Each packet of the script is one that leaves, as it leaves: none is put together from others.
    pub(crate) is_strict: bool,
    /// The script is only read.
    pub(crate) is_dry: bool,
    /// What may be otherwise than the script says.
    pub(crate) lenience: Lenience,
    /// What is to be done before the first event, once there is a machine.
    pub(crate) preparation: Vec<(Place, Command)>,
}

/// Which failures are told and passed over: `--non_fatal`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lenience {
    /// Those of packets.
    pub(crate) packets: bool,
    /// Those of system calls.
    pub(crate) calls: bool,
}

/// The families that a script is for: one if it says so, else those of its addresses.
pub(crate) fn families(settings: &[Setting]) -> Outcome<Vec<Family>> {
    let setting = settings.iter().find(|s| s.name == "ip_version");
    let Some(setting) = setting else {
        let named = settings
            .iter()
            .filter(|s| matches!(s.name.as_str(), "local_ip" | "remote_ip"));
        let is_v6: Vec<bool> = named
            .filter_map(|s| Some(address(s.value.as_deref()?)?.is_ipv6()))
            .collect();
        let fits = |family: &Family| is_v6.iter().all(|v6| *v6 == (*family == Family::V6));
        // A script with addresses of both is for whichever is asked: each family takes its own.
        let of_both = is_v6.contains(&true) && is_v6.contains(&false);
        return Ok(Family::ALL
            .into_iter()
            .filter(|family| of_both || fits(family))
            .collect());
    };
    let value = setting.value.as_deref().unwrap_or_default();
    let family = value.parse().map(|family| vec![family]);
    family.map_err(|why: String| Failure::new(setting.place, why))
}

/// An address, with or without the length of its network.
fn address(text: &str) -> Option<IpAddr> {
    let (address, length) = text.split_once('/').unwrap_or((text, "0"));
    length.parse::<u8>().ok()?;
    address.parse().ok()
}

/// What names stand for: what the runners of the public scripts define, then what the script does.
pub(crate) fn defines(settings: &[Setting], family: Family) -> Outcome<Defines> {
    let is_v6 = family == Family::V6;
    // An AF_INET6 socket has its errors told in IPv6's way, also those of its packets to mapped addresses.
    let is_v6_socket = family != Family::V4;
    let of_sockets = [
        ("CMSG_LEVEL_IP", ["SOL_IP", "SOL_IPV6"]),
        ("CMSG_TYPE_RECVERR", ["IP_RECVERR", "IPV6_RECVERR"]),
    ];
    let of_packets = [
        ("CODE", ["host_unreachable", "address_unreachable"]),
        // What the key of `defaults.sh` makes of the two addresses, and the key of zeros.
        ("TFO_COOKIE", ["3021b9d889017eeb", "c1d1e9742a47a9bc"]),
        ("TFO_COOKIE_ZERO", ["b7c12350a90dc8f5", "82af1a8f9a205c34"]),
    ];
    let choose = |is_v6: bool| {
        move |(name, [v4, v6]): (&str, [&str; 2])| {
            (name.to_owned(), if is_v6 { v6 } else { v4 }.to_owned())
        }
    };
    let of_sockets = of_sockets.into_iter().map(choose(is_v6_socket));
    let mut defines: Defines = of_sockets
        .chain(of_packets.into_iter().map(choose(is_v6)))
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
        prefix: if is_v6 { 64 } else { 16 },
        mss: None,
        bind_port: PORT,
        connect_port: PORT,
        is_strict: false,
        is_dry: false,
        lenience: Lenience::default(),
        preparation: Vec::new(),
    };
    for setting in &script.settings {
        apply(&mut setup, setting)?;
    }
    for (place, command) in &script.preparation {
        for command in shell::commands(command, *place)? {
            prepare(&mut setup, command, *place)?;
        }
    }
    Ok(setup)
}

/// A command before the first event.
fn prepare(setup: &mut Setup, command: Command, place: Place) -> Outcome<()> {
    match command {
        Command::Set(name, value) => setup.sysctls.push((name, value)),
        Command::Segmentation(is_on) => setup.segmentation = is_on,
        // Nothing has been counted yet.
        Command::Counters => {}
        Command::Grown { name, .. } => {
            let what = format!("`{name}` can't have grown before the first event");
            return Err(Failure::new(place, what));
        }
        command => setup.preparation.push((place, command)),
    }
    Ok(())
}

fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port > 0)
}

fn apply(setup: &mut Setup, setting: &Setting) -> Outcome<()> {
    let Setting { place, name, value } = setting;
    let text = value.as_deref().unwrap_or_default();
    let bad = || Failure::new(*place, format!("`{text}` is no value for --{name}"));
    match name.as_str() {
        "ip_version" => {}
        "mtu" => setup.mtu = text.parse().ok().filter(|mtu| *mtu >= 68).ok_or_else(bad)?,
        "mss" => setup.mss = Some(text.parse().map_err(|_| bad())?),
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
            let address = address(text).ok_or_else(bad)?;
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
            let mask = text.parse::<Ipv4Addr>().map_err(|_| bad())?.to_bits();
            let length = mask.leading_ones();
            if mask.checked_shl(length).unwrap_or(0) != 0 {
                return Err(bad());
            }
            if setup.local.is_ipv4() {
                setup.prefix = u8::try_from(length).map_err(|_| bad())?;
            }
        }
        "bind_port" => setup.bind_port = port(text).ok_or_else(bad)?,
        "connect_port" => setup.connect_port = port(text).ok_or_else(bad)?,
        // How fast the device says it is: nothing asks it.
        "speed" => {
            text.parse::<u32>().map_err(|_| bad())?;
        }
        "init_scripts" => {
            for script in text.split(',').map(str::trim) {
                for command in shell::commands(script, *place)? {
                    prepare(setup, command, *place)?;
                }
            }
        }
        "strict_segments" => setup.is_strict = true,
        "dry_run" => setup.is_dry = true,
        "non_fatal" => {
            for kind in text.split([',', ' ']).filter(|kind| !kind.is_empty()) {
                match kind {
                    "packet" => setup.lenience.packets = true,
                    "syscall" => setup.lenience.calls = true,
                    _ => return Err(bad()),
                }
            }
        }
        // No interpreter runs: what it would be called is the same to the code, and so is from where its names come.
        "code_command" if text.starts_with("python") => {}
        "code_format" if text == "python" => {}
        "code_sockopt" if matches!(text, "" | "TCP_INFO") => {}
        "debug" | "verbose" | "v" => {}
        // Of a second machine, which only `--wire_client` and `--wire_server` would take up.
        "wire_server_at" | "wire_client_dev" | "wire_server_dev" => {}
        "wire_server_port" => {
            port(text).ok_or_else(bad)?;
        }
        "wire_client" | "wire_server" => {
            let what = format!("--{name} needs a second machine, and there is one here");
            return Err(Failure::new(*place, what));
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
