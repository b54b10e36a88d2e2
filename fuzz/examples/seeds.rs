//! Writes the seeds into the corpus.
use std::path::Path;

use sockeye_fuzz::{action::encode, seeds};

fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/host_receive");
    std::fs::create_dir_all(&corpus)?;
    for (name, actions) in seeds::all() {
        std::fs::write(corpus.join(name), encode(&actions))?;
    }
    Ok(())
}
