//! `sockeye drill`: packetdrill scripts.

use std::path::Path;

use sockeye_drill::Drill;

use crate::arguments;

/// Plays the scripts; whether all passed. Like a compiler it says nothing of what is in order.
pub(crate) fn run(arguments: &arguments::Drill) -> bool {
    let mut passed = true;
    for file in &arguments.files {
        if let Err(why) = play(file, arguments) {
            eprintln!("{why}");
            passed = false;
        }
    }
    passed
}

fn play(file: &Path, arguments: &arguments::Drill) -> Result<(), String> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
    let show = |failure: sockeye_drill::Failure| failure.show(&name, &text);
    let definitions = arguments.define.iter();
    let definitions = definitions.map(|definition| format!("define={definition}"));
    let settings: Vec<String> = arguments
        .options
        .iter()
        .cloned()
        .chain(definitions)
        .collect();
    let script = Drill::read_with(&text, &settings).map_err(show)?;
    let families = script.families();
    let chosen: Vec<_> = families
        .iter()
        .copied()
        .filter(|family| arguments.ip_version.is_none_or(|only| only == *family))
        .collect();
    if chosen.is_empty() {
        return Err(format!("{name}: the script is for another version of IP"));
    }
    for family in chosen {
        let printed = script
            .run(family)
            .map_err(|failure| format!("{} [{}]", show(failure), family.name()))?;
        for line in printed {
            println!("{line}");
        }
    }
    Ok(())
}
