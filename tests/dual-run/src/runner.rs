//! Runs a case on both arms and compares.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::known::Known;
use crate::{Flavor, World, kernel, sockeye};

/// A body of socket calls.
pub type Body = Box<dyn Fn(&mut World<'_>) + Send + Sync>;

/// One body with its name.
pub struct Case {
    /// `domain::type::behaviour`.
    pub name: String,
    /// The addresses that it uses.
    pub flavor: Flavor,
    /// The calls.
    pub body: Body,
}

/// A fresh directory for paths, removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("sockeye-dual-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the temporary directory is writable");
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The trace of a body on the kernel, run on a thread of its own; again if chance made two of its ports alike.
#[must_use]
pub fn on_kernel(flavor: Flavor, body: &Body) -> Vec<String> {
    loop {
        let (trace, has_coincidence) = once_on_kernel(flavor, body);
        if !has_coincidence {
            return trace;
        }
    }
}

fn once_on_kernel(flavor: Flavor, body: &Body) -> (Vec<String>, bool) {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            if let Err(why) = kernel::isolate() {
                return (vec![why], false);
            }
            let directory = Directory::new();
            let mut arm = kernel::Kernel::new(directory.0.clone());
            let mut world = World::new(&mut arm, flavor);
            body(&mut world);
            let trace = world.into_trace();
            (trace, arm.has_coincidence())
        });
        thread
            .join()
            .unwrap_or_else(|_| (vec!["the kernel arm panicked".to_owned()], false))
    })
}

/// The trace of a body on Sockeye.
#[must_use]
pub fn on_sockeye(flavor: Flavor, body: &Body) -> Vec<String> {
    let run = AssertUnwindSafe(|| {
        let mut arm = sockeye::Arm::new();
        let mut world = World::new(&mut arm, flavor);
        body(&mut world);
        world.into_trace()
    });
    catch_unwind(run).unwrap_or_else(|_| vec!["Sockeye panicked".to_owned()])
}

/// Runs a case on both arms.
///
/// # Errors
/// The lines that differ and are not known to, with what came before them.
pub fn compare(case: &Case, known: &Known) -> Result<(), String> {
    let expected = on_kernel(case.flavor, &case.body);
    let got = on_sockeye(case.flavor, &case.body);
    judge(&case.name, known, &expected, &got)
}

/// Compares two traces.
///
/// # Errors
/// As [`compare`].
pub fn judge(name: &str, known: &Known, expected: &[String], got: &[String]) -> Result<(), String> {
    let mut report = Vec::new();
    let mut allowed = Vec::new();
    let mut shown = 0;
    for at in 0..expected.len().max(got.len()) {
        let kernel = expected.get(at).map_or("(nothing)", String::as_str);
        let ours = got.get(at).map_or("(nothing)", String::as_str);
        if kernel == ours {
            continue;
        }
        if known.allows(name, kernel, ours) {
            allowed.push(kernel.to_owned());
            continue;
        }
        // What came before explains a difference; each line is shown once.
        for line in
            &expected[shown.max(at.saturating_sub(12)).min(expected.len())..at.min(expected.len())]
        {
            report.push(format!("    {line}"));
        }
        shown = at + 1;
        report.push(format!("  kernel   {kernel}"));
        report.push(format!("  sockeye  {ours}"));
    }
    for entry in known.stale(name, &allowed) {
        report.push(format!(
            "  known-differences.toml lists `{}`, but nothing differs there",
            entry.call
        ));
    }
    if report.is_empty() {
        Ok(())
    } else {
        Err(format!("{name}\n{}", report.join("\n")))
    }
}
