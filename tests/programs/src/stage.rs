//! The stage: one folder that every user may read, with the `sockeye` command, the scenarios, and the built fixtures.
//!
//! The clone may lie where an ordinary user can't look, so what a run needs is copied out of it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::need::{self, Account};

/// What all tests of one run of the suite share, read only.
#[derive(Debug)]
pub struct Stage {
    folder: TempDir,
    target: PathBuf,
    sockeye: OnceLock<Result<PathBuf, String>>,
    go: OnceLock<Result<PathBuf, String>>,
}

impl Stage {
    /// Lays out scenarios and fixtures; what must be built is built when it is first asked for.
    pub fn new() -> Result<Stage> {
        // Short, because socket paths in it must fit 108 bytes.
        let folder = tempfile::Builder::new()
            .prefix("sockeye-test-")
            .tempdir_in("/tmp")?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        for name in ["scenarios", "fixtures"] {
            copy_tree(&package().join(name), &folder.path().join(name))?;
        }
        fs::create_dir(folder.path().join("bin"))?;
        Ok(Stage {
            folder,
            target: target_folder()?,
            sockeye: OnceLock::new(),
            go: OnceLock::new(),
        })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The `sockeye` command of this workspace, up to date.
    pub fn sockeye(&self) -> Result<&Path> {
        once(&self.sockeye, || {
            let built = build_sockeye(&self.target)?;
            self.put("sockeye", &built)
        })
    }

    /// The static Go server and client.
    pub fn go(&self) -> Result<&Path> {
        once(&self.go, || {
            let built = build_go(&self.path().join("fixtures/go"), &self.target)?;
            self.put("gohttp", &built)
        })
    }

    /// A new empty folder that belongs to `owner` (the caller if `None`).
    pub fn folder_for(&self, owner: Option<Account>) -> Result<TempDir> {
        let folder = tempfile::Builder::new()
            .prefix("r")
            .rand_bytes(4)
            .tempdir_in(self.path())?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        if let Some(owner) = owner {
            chown(folder.path(), Some(owner.user), Some(owner.group))?;
        }
        Ok(folder)
    }

    fn put(&self, name: &str, built: &Path) -> Result<PathBuf> {
        let staged = self.path().join("bin").join(name);
        fs::copy(built, &staged).with_context(|| format!("copying {}", built.display()))?;
        fs::set_permissions(&staged, fs::Permissions::from_mode(0o755))?;
        Ok(staged)
    }
}

/// `OnceLock` for something that may fail: the failure is told to each who asks.
fn once(
    cell: &OnceLock<Result<PathBuf, String>>,
    make: impl FnOnce() -> Result<PathBuf>,
) -> Result<&Path> {
    match cell.get_or_init(|| make().map_err(|error| format!("{error:#}"))) {
        Ok(path) => Ok(path),
        Err(message) => bail!("{message}"),
    }
}

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `<target>/<profile>/deps/programs-<hash>` is this executable.
fn target_folder() -> Result<PathBuf> {
    let executable = std::env::current_exe()?;
    let profile = executable.parent().and_then(Path::parent);
    profile
        .map(Path::to_owned)
        .context("the test executable is not in a target folder")
}

/// Cargo builds the command of a package for that package's tests only, so ask it: a no-op when all is fresh.
fn build_sockeye(profile_folder: &Path) -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("SOCKEYE_PROGRAM") {
        return Ok(given.into());
    }
    let profile = match profile_folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(name) => name,
        None => bail!("no profile in {}", profile_folder.display()),
    };
    let target = profile_folder.parent().context("no target folder")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // The whole workspace, so that features are unified as they are for `cargo test --workspace` and nothing is
    // built a second time.
    let output = Command::new(cargo)
        .args(["build", "--quiet", "--workspace", "--bin", "sockeye"])
        .args(["--profile", profile])
        .arg("--target-dir")
        .arg(target)
        .current_dir(package())
        .output()
        .context("starting cargo")?;
    ensure!(
        output.status.success(),
        "building the sockeye command failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(profile_folder.join("sockeye"))
}

/// `CGO_ENABLED=0` gives a static program that makes its system calls itself, without the C library.
fn build_go(source: &Path, profile_folder: &Path) -> Result<PathBuf> {
    let built = profile_folder.join("gohttp");
    let output = Command::new("go")
        .args(["build", "-trimpath", "-o"])
        .arg(&built)
        .arg(".")
        .current_dir(source)
        .env("PATH", need::SEARCH_PATH)
        .env("CGO_ENABLED", "0")
        .env("GOPROXY", "off")
        .env("GOFLAGS", "-mod=mod")
        .env("GOTOOLCHAIN", "local")
        .env("GOCACHE", profile_folder.join("go-cache"))
        .env("GOPATH", profile_folder.join("go-path"))
        .output()
        .context("starting go")?;
    ensure!(
        output.status.success(),
        "building the Go fixture failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(built)
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            fs::set_permissions(&target, fs::Permissions::from_mode(0o644))?;
        }
    }
    Ok(())
}
