//! `docs/tcp.md`: what the RFCs ask of TCP, and the test that shows each. It is generated from the tables in `standards/` and
//! from what the scripts cite: `UPDATE=1 cargo test -p sockeye-scripts --test standards` writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// One RFC.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Standard {
    number: u32,
    title: String,
    /// What holds for all of it.
    #[serde(default)]
    remark: String,
    #[serde(default)]
    rules: Vec<Rule>,
}

/// Section, strength, what is asked for, the tests that show it, and the reason if it isn't met, doesn't apply or is met in
/// part.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, from = "Vec<String>")]
struct Rule {
    section: String,
    strength: String,
    says: String,
    tests: Vec<String>,
    reason: String,
}

impl From<Vec<String>> for Rule {
    fn from(columns: Vec<String>) -> Self {
        let column = |at: usize| columns.get(at).cloned().unwrap_or_default();
        let tests = column(3);
        Self {
            section: column(0),
            strength: column(1),
            says: column(2),
            tests: tests
                .split(", ")
                .filter(|test| !test.is_empty())
                .map(str::to_owned)
                .collect(),
            reason: column(4),
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn standards() -> Vec<Standard> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("standards");
    let files = fs::read_dir(&folder).expect("the folder of the tables");
    let mut all: Vec<Standard> = files
        .map(|file| {
            let path = file.expect("a table").path();
            let text = fs::read_to_string(&path).expect("a table");
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        })
        .collect();
    // RFC 9293 first: the others build on it.
    all.sort_by_key(|standard| (standard.number != 9293, standard.number));
    all
}

/// All files beneath a folder with this ending.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path
            .extension()
            .is_some_and(|extension| extension == ending)
        {
            found.push(path);
        }
    }
}

fn sources(folders: &[&str]) -> String {
    let mut found = Vec::new();
    for folder in folders {
        files(&root().join(folder), "rs", &mut found);
    }
    found.sort();
    found
        .iter()
        .map(|path| fs::read_to_string(path).unwrap_or_default())
        .collect()
}

/// Where each kind of test that isn't a script has its name, and how it stands there.
const KINDS: [(&str, &[&str]); 6] = [
    ("tcp", &["crates/tcp"]),
    ("core", &["crates/core"]),
    ("wire", &["crates/wire"]),
    ("dual", &["tests/dual-run"]),
    ("world", &["tests/worlds"]),
    ("interop", &["tests/interop"]),
];

/// A script's place without its ending: `sack/off`.
fn scripts() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    files(folder, "pkt", &mut found);
    let name = |path: &Path| {
        let inside = path
            .strip_prefix(folder)
            .expect("a script of ours")
            .with_extension("");
        inside.to_string_lossy().into_owned()
    };
    found
        .iter()
        .map(|path| (name(path), fs::read_to_string(path).expect("a script")))
        .collect()
}

/// The sections of RFCs that a script's comments name.
fn citations(text: &str) -> BTreeSet<(u32, String)> {
    let comments = text
        .lines()
        .filter_map(|line| line.split_once("//"))
        .map(|(_, comment)| comment);
    let mut found = BTreeSet::new();
    for comment in comments {
        for after in comment.split("RFC ").skip(1) {
            let mut words =
                after.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '.'));
            let number = words.next().and_then(|word| word.parse().ok());
            let section = words.next().unwrap_or_default().trim_end_matches('.');
            if let Some(number) = number
                && section.starts_with(|letter: char| letter.is_ascii_digit())
            {
                found.insert((number, section.to_owned()));
            }
        }
    }
    found
}

fn page(standards: &[Standard], scripts: &BTreeMap<String, String>) -> String {
    let mut page = String::from(
        "# What the RFCs ask of TCP\n\n\
         Generated from the tables in `tests/scripts/standards` and from what the scripts cite\n\
         (`UPDATE=1 cargo test -p sockeye-scripts --test standards` writes it). A rule is told in our words; the RFC's are what\n\
         holds. Beside each stands the test that shows it, or why it isn't met or doesn't apply:\n\n\
         - `sack/off` is the script `tests/scripts/sack/off.pkt`;\n\
         - `tcp: name`, `core: name` and `wire: name` are tests of these crates, `world: name` and `interop: name` of\n  \
           `tests/worlds` and `tests/interop`, `dual: name` is a case of `tests/dual-run`, which Linux answers too.\n\n\
         Rules that only permit (MAY) are left out where nothing depends on them.\n",
    );
    for standard in standards {
        let Standard {
            number,
            title,
            remark,
            rules,
        } = standard;
        let _ = write!(page, "\n## RFC {number}: {title}\n");
        if !remark.is_empty() {
            let _ = write!(page, "\n{remark}\n");
        }
        if !rules.is_empty() {
            page.push_str("\n| section | strength | rule | shown by |\n|---|---|---|---|\n");
        }
        for rule in rules {
            let tests = rule.tests.iter().map(|test| format!("`{test}`"));
            let mut shown = tests.collect::<Vec<_>>().join(", ");
            if !rule.reason.is_empty() {
                shown = [shown, rule.reason.clone()].join(if rule.tests.is_empty() {
                    ""
                } else {
                    "; "
                });
            }
            let Rule {
                section,
                strength,
                says,
                ..
            } = rule;
            let _ = writeln!(page, "| {section} | {strength} | {says} | {shown} |");
        }
        let named: BTreeSet<&String> = rules.iter().flat_map(|rule| &rule.tests).collect();
        let besides = scripts.iter().filter(|(name, _)| !named.contains(name));
        let mut cited = BTreeMap::<String, Vec<String>>::new();
        for (name, text) in besides {
            for (_, section) in citations(text).into_iter().filter(|(of, _)| of == number) {
                cited.entry(section).or_default().push(format!("`{name}`"));
            }
        }
        if !cited.is_empty() {
            let lines = cited
                .iter()
                .map(|(section, names)| format!("{section} by {}", names.join(", ")));
            let _ = write!(
                page,
                "\nCited besides: {}.\n",
                lines.collect::<Vec<_>>().join("; ")
            );
        }
    }
    page
}

#[test]
fn every_rule_has_a_test_that_exists_or_a_reason() {
    let scripts = scripts();
    let sources: BTreeMap<&str, String> = KINDS
        .iter()
        .map(|(kind, folders)| (*kind, sources(folders)))
        .collect();
    let mut wrong = Vec::new();
    for standard in standards() {
        for rule in &standard.rules {
            let place = format!("RFC {} {} {}", standard.number, rule.section, rule.strength);
            if rule.says.is_empty() || (rule.tests.is_empty() && rule.reason.len() < 10) {
                wrong.push(format!("{place}: neither a test nor a reason"));
            }
            for test in &rule.tests {
                let exists = match test.split_once(": ") {
                    None => scripts.contains_key(test),
                    // Those of the option table are made from its names.
                    Some(("dual", name)) => match name.strip_prefix("option_") {
                        Some(option) => sources["dual"].contains(&format!(" {option} = ")),
                        None => sources["dual"].contains(&format!("\"{name}\"")),
                    },
                    Some((kind, name)) => sources.get(kind).is_some_and(|text| {
                        text.contains(&format!("fn {name}("))
                            || text.contains(&format!("\"{name}\""))
                    }),
                };
                if !exists {
                    wrong.push(format!("{place}: there is no test `{test}`"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_script_cites_an_rfc_without_a_table() {
    let known: BTreeSet<u32> = standards().iter().map(|standard| standard.number).collect();
    let mut unknown = BTreeSet::new();
    for (name, text) in scripts() {
        let strange = citations(&text)
            .into_iter()
            .filter(|(number, _)| !known.contains(number));
        unknown.extend(strange.map(|(number, section)| format!("{name}: RFC {number} {section}")));
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn the_page_is_what_the_tables_say() {
    let path = root().join("docs/tcp.md");
    let generated = page(&standards(), &scripts());
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &generated).expect("docs/tcp.md can be written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == generated,
        "docs/tcp.md is not what the tables say: UPDATE=1 cargo test -p sockeye-scripts --test standards"
    );
}
