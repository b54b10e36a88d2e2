//! What a scenario needs of the machine, and the sentence for when it is not there.

use std::path::{Path, PathBuf};

/// Where programs are looked for; the same in every arm, whatever the caller's own `PATH` is.
pub const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// One thing that a test can't do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A program on [`SEARCH_PATH`].
    Program(&'static str),
    /// A file or folder.
    Path(&'static str),
    /// An account of this name.
    Account(&'static str),
    /// The suite itself runs as root.
    Root,
    /// A network namespace can be made, by root or with a user namespace.
    Namespace,
}

impl Need {
    /// `None` if it is there, otherwise what is missing, to stand after "needs".
    pub fn missing(self) -> Option<String> {
        match self {
            Need::Program(name) => find_program(name).is_none().then(|| name.to_owned()),
            Need::Path(path) => (!Path::new(path).exists()).then(|| path.to_owned()),
            Need::Account(name) => account(name)
                .is_none()
                .then(|| format!("the account {name}")),
            Need::Root => (!is_root()).then(|| "root".to_owned()),
            Need::Namespace => {
                (!can_make_namespace()).then(|| "a network namespace of its own".to_owned())
            }
        }
    }
}

/// What of `needs` is missing, as one sentence part: `needs nginx, wrk`.
pub fn missing(needs: &[Need]) -> Option<String> {
    let missing: Vec<String> = needs.iter().filter_map(|need| need.missing()).collect();
    (!missing.is_empty()).then(|| format!("needs {}", missing.join(", ")))
}

/// `SOCKEYE_REQUIRE_ALL=1`: what is missing is a failure, not a reason to leave a test out.
pub fn require_all() -> bool {
    std::env::var_os("SOCKEYE_REQUIRE_ALL").is_some_and(|value| value == "1")
}

/// Whether the suite itself runs as root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A user and its group, as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user id.
    pub user: u32,
    /// The id of the user's first group.
    pub group: u32,
}

/// The account called `name` in `/etc/passwd`.
pub fn account(name: &str) -> Option<Account> {
    let table = std::fs::read_to_string("/etc/passwd").ok()?;
    table.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let user = fields.nth(1)?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        Some(Account { user, group })
    })
}

fn find_program(name: &str) -> Option<PathBuf> {
    SEARCH_PATH
        .split(':')
        .map(|folder| Path::new(folder).join(name))
        .find(|path| rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok())
}

fn can_make_namespace() -> bool {
    use std::sync::OnceLock;
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let mut command = std::process::Command::new("unshare");
        if is_root() {
            command.args(["--net"]);
        } else {
            command.args(["--user", "--map-current-user", "--keep-caps", "--net"]);
        }
        command
            .args(["ip", "link", "set", "lo", "up"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    })
}
