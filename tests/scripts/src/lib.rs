//! The scripts in this folder, one subject to a folder.

pub mod kernel;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A script's name, `subject/behaviour`, and its file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Script {
    /// `subject/behaviour`.
    pub name: String,
    /// Where it is.
    pub file: PathBuf,
}

/// All scripts, in the order of their names.
///
/// # Errors
/// A folder that can't be read.
pub fn all() -> io::Result<Vec<Script>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut scripts = Vec::new();
    for subject in fs::read_dir(root)? {
        let subject = subject?.path();
        if !subject.is_dir() {
            continue;
        }
        for file in fs::read_dir(&subject)? {
            let file = file?.path();
            if file.extension().is_some_and(|extension| extension == "pkt") {
                let part = |path: &Path| {
                    path.file_stem()
                        .unwrap_or_default()
                        .to_string_lossy()
                        .into_owned()
                };
                let name = format!("{}/{}", part(&subject), part(&file));
                scripts.push(Script { name, file });
            }
        }
    }
    scripts.sort();
    Ok(scripts)
}
