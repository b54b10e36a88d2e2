//! Columns as wide as their widest cell.

use std::fmt;

/// Rows of text in columns; the last column is not padded. A row may carry text that follows it unaligned.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<(Vec<String>, String)>,
    right: Vec<bool>,
}

impl Table {
    /// A table with a header.
    pub(crate) fn new(header: &[&str]) -> Self {
        let header = header.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let right = vec![false; header.len()];
        Self { rows: vec![(header, String::new())], right }
    }

    /// Aligns a column to the right.
    pub(crate) fn align_right(mut self, column: usize) -> Self {
        if let Some(right) = self.right.get_mut(column) {
            *right = true;
        }
        self
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push((cells, String::new()));
    }

    /// Adds a row with lines that follow it.
    pub(crate) fn row_with(&mut self, cells: Vec<String>, after: String) {
        self.rows.push((cells, after));
    }

    /// Takes the header away.
    pub(crate) fn without_header(mut self) -> Self {
        self.rows.remove(0);
        self
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.right.len();
        let width = |column: usize| {
            self.rows.iter().filter_map(|(cells, _)| cells.get(column)).map(|cell| cell.chars().count()).max()
        };
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        for (cells, after) in &self.rows {
            let mut line = String::new();
            for (column, cell) in cells.iter().enumerate() {
                let width = widths.get(column).copied().unwrap_or(0);
                if column > 0 {
                    line.push(' ');
                }
                if self.right.get(column).copied().unwrap_or(false) {
                    line.push_str(&format!("{cell:>width$}"));
                } else {
                    line.push_str(&format!("{cell:<width$}"));
                }
            }
            writeln!(f, "{}{after}", line.trim_end())?;
        }
        Ok(())
    }
}
