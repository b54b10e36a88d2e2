//! Columns as wide as their widest cell.

use std::fmt;

/// Rows of text in columns. A row may carry text that follows it unaligned.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<(Vec<String>, String)>,
}

impl Table {
    /// A table with a header.
    pub(crate) fn new(header: &[&str]) -> Self {
        let header = header.iter().map(|cell| (*cell).to_owned()).collect();
        Self {
            rows: vec![(header, String::new())],
        }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push((cells, String::new()));
    }

    /// Adds a row with text that follows it.
    pub(crate) fn row_with(&mut self, cells: Vec<String>, after: String) {
        self.rows.push((cells, after));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|(cells, _)| cells.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let columns = self
            .rows
            .iter()
            .map(|(cells, _)| cells.len())
            .max()
            .unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (cells, after) in &self.rows {
            let padded: Vec<String> = cells
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            writeln!(f, "{}{after}", padded.join(" ").trim_end())?;
        }
        Ok(())
    }
}
