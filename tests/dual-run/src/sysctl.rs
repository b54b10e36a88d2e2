//! The system-wide settings that both arms run with.
//!
//! A fresh network namespace has Linux's defaults, not the distribution's, and a few settings are the whole machine's.
//! What the kernel arm sees is therefore read and handed to the Sockeye arm.

use std::fs;
use std::str::FromStr;
use std::sync::OnceLock;

use sockeye_core::{MinDefaultMax, Sysctl};

/// Opens ICMP echo sockets to our own group. Distributions open them to everybody.
pub fn prepare() {
    let _ = fs::write("/proc/sys/net/ipv4/ping_group_range", "0 0");
}

/// What the kernel arm runs with.
pub fn of_the_kernel_arm() -> Sysctl {
    static SETTINGS: OnceLock<Sysctl> = OnceLock::new();
    let read_there = || {
        // The machine's own settings are not all visible inside a namespace.
        let outside = read(Sysctl::default());
        let inside = std::thread::spawn(move || {
            let _ = crate::kernel::isolate();
            read(outside)
        });
        inside.join().unwrap_or_default()
    };
    SETTINGS.get_or_init(read_there).clone()
}

fn read(mut settings: Sysctl) -> Sysctl {
    one("core/somaxconn", &mut settings.somaxconn);
    one("core/rmem_default", &mut settings.rmem_default);
    one("core/rmem_max", &mut settings.rmem_max);
    one("core/wmem_default", &mut settings.wmem_default);
    one("core/wmem_max", &mut settings.wmem_max);
    one("core/optmem_max", &mut settings.optmem_max);
    one("ipv4/ip_default_ttl", &mut settings.ip_default_ttl);
    one(
        "ipv4/ip_unprivileged_port_start",
        &mut settings.ip_unprivileged_port_start,
    );
    one("ipv4/tcp_syn_retries", &mut settings.tcp_syn_retries);
    one("ipv4/tcp_synack_retries", &mut settings.tcp_synack_retries);
    one("ipv4/tcp_retries2", &mut settings.tcp_retries2);
    one(
        "ipv4/tcp_keepalive_probes",
        &mut settings.tcp_keepalive_probes,
    );
    one("unix/max_dgram_qlen", &mut settings.unix_max_dgram_qlen);
    three("ipv4/tcp_rmem", &mut settings.tcp_rmem);
    three("ipv4/tcp_wmem", &mut settings.tcp_wmem);
    settings
}

fn numbers<T: FromStr>(name: &str) -> Vec<T> {
    let text = fs::read_to_string(format!("/proc/sys/net/{name}")).unwrap_or_default();
    text.split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect()
}

fn one<T: FromStr + Copy>(name: &str, setting: &mut T) {
    if let [value] = numbers(name)[..] {
        *setting = value;
    }
}

fn three(name: &str, setting: &mut MinDefaultMax) {
    if let [min, default, max] = numbers(name)[..] {
        *setting = MinDefaultMax { min, default, max };
    }
}
