//! Standard output that may be a pipe to `head`.

use std::fmt::Display;
use std::io::{self, Write};

/// Prints `text`. Whoever reads may stop reading: that is no failure.
pub(crate) fn print(text: impl Display) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    let written = write!(output, "{text}").and_then(|()| output.flush());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
