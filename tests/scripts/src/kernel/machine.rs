//! The machine around the kernel's TCP: files, queue, routes, tables.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sockeye_drill::{Call, Change, Queue, RouteChange};

use super::device::run;

/// The files of a script, of which none is one of the machine's.
#[derive(Debug, Default)]
pub(super) struct Files {
    files: BTreeMap<String, File>,
    /// New sockets keep to their pacing rate.
    pub(super) paces: Arc<AtomicBool>,
}

impl Files {
    /// The call with the file that the script's name stands for.
    pub(super) fn named(&self, call: Call) -> Call {
        match call {
            Call::Open { path, flags } => {
                let file = self.files.get(&path);
                let path = file.map(|file| format!("/proc/self/fd/{}", file.as_raw_fd()));
                Call::Open {
                    path: path.unwrap_or_else(|| "/nonexistent".to_owned()),
                    flags,
                }
            }
            call => call,
        }
    }
}

/// The file of a module's parameter.
pub(super) fn parameter(name: &str) -> Option<String> {
    let (module, name) = name
        .split_once('.')
        .filter(|(module, _)| *module != "net")?;
    Some(format!("/sys/module/{module}/parameters/{name}"))
}

/// A parameter is the whole machine's: it must be as wanted already.
pub(super) fn keep(file: &str, value: &str) -> Result<(), String> {
    let seen = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    if seen.trim() == value.trim() {
        return Ok(());
    }
    Err(format!(
        "{file} is {} on this machine, not {value}",
        seen.trim()
    ))
}

/// Makes a change.
pub(super) fn change(files: &mut Files, change: &Change) -> Result<(), String> {
    match change {
        Change::File { path, content } => {
            files.files.remove(path);
            if let Some(content) = content {
                files.files.insert(path.clone(), file(content)?);
            }
            Ok(())
        }
        Change::Queue(queue) => {
            let root = ["dev", "tun0", "root"];
            let mut words = vec!["qdisc"];
            let limit;
            match queue {
                Queue::Default => {
                    words.push("del");
                    words.extend(root);
                    // There may be none yet but the device's own.
                    let _deleted = run("tc", &words);
                    Ok(())
                }
                // Not every kernel has `fq`; what it does for the flows of a script, their sockets do themselves.
                Queue::Fair => {
                    files.paces.store(true, Ordering::Relaxed);
                    Ok(())
                }
                Queue::Limited(count) => {
                    limit = count.to_string();
                    words.push("replace");
                    words.extend(root);
                    words.extend(["pfifo", "limit", &limit]);
                    run("tc", &words)
                }
            }
        }
        Change::Route(change) => route(change),
        Change::ForgetPeers => run("ip", &["tcp_metrics", "flush", "all"]),
    }
}

fn route(change: &RouteChange) -> Result<(), String> {
    let (address, length) = change.destination;
    let mut words = vec![
        "route".to_owned(),
        if change.is_removal { "del" } else { "replace" }.to_owned(),
        format!("{address}/{length}"),
    ];
    if let Some(gateway) = change.gateway {
        words.extend(["via".to_owned(), gateway.to_string()]);
    }
    words.extend(["dev", "tun0"].map(str::to_owned));
    let metrics = change.metrics;
    let mtu = if metrics.is_mtu_locked {
        "mtu lock"
    } else {
        "mtu"
    };
    for (name, value) in [
        ("advmss", metrics.advertised_mss.map(u32::from)),
        (mtu, metrics.mtu),
        ("initcwnd", metrics.initial_window),
    ] {
        if let Some(value) = value {
            words.extend(name.split(' ').map(str::to_owned));
            words.push(value.to_string());
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    run("ip", &words)
}

/// A file with this content, which no other program sees.
fn file(content: &[u8]) -> Result<File, String> {
    // SAFETY: the name is a C string; the descriptor was just made and belongs to nobody.
    let mut file = unsafe {
        let fd = libc::memfd_create(c"script".as_ptr(), libc::MFD_CLOEXEC);
        if fd < 0 {
            return Err(format!("memfd: {}", std::io::Error::last_os_error()));
        }
        File::from_raw_fd(fd)
    };
    file.write_all(content)
        .map_err(|error| format!("memfd: {error}"))?;
    Ok(file)
}

/// A file of `/proc/net` as the thread's namespace has it.
pub(super) fn table(path: &str) -> Result<String, String> {
    let Some(name) = path.strip_prefix("/proc/net/") else {
        return Err(format!("`{path}` is no table"));
    };
    let file = format!("/proc/thread-self/net/{name}");
    std::fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))
}
