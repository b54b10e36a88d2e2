//! The goodput table: a change of behaviour is a change of a file.

use std::path::Path;

#[test]
fn goodput_is_what_the_table_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("goodput.txt");
    let now = sockeye_worlds::goodput_table().unwrap_or_else(|stall| panic!("{stall}"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &now).expect("the table can be written");
    }
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    let changes: Vec<String> = before
        .lines()
        .zip(now.lines())
        .filter(|(before, now)| before != now)
        .map(|(before, now)| format!("- {before}\n+ {now}"))
        .collect();
    assert!(
        before == now,
        "tests/worlds/goodput.txt is not current: `UPDATE=1 cargo test -p sockeye-worlds --test goodput` writes it. If this \
         is no surprise, commit it with what changed it.\n{}",
        changes.join("\n")
    );
}
