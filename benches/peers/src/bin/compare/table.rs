//! A table, in Markdown and in HTML.

use std::fmt::Write;

use crate::results::Spread;

/// A heading, what to know, and a table.
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) note: &'static str,
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table {
    /// With a heading, to be pasted.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("## {}\n\n", self.title);
        if !self.note.is_empty() {
            let _ = write!(text, "{}\n\n", self.note);
        }
        let _ = writeln!(text, "| {} |", self.head.join(" | "));
        let _ = writeln!(text, "|{}", "---|".repeat(self.head.len()));
        for row in &self.rows {
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
        text
    }

    /// Without the heading.
    pub(crate) fn html(&self) -> String {
        let row = |tag, cells: &[String]| {
            let cells: String =
                cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", emphasis(cell))).collect();
            format!("<tr>{cells}</tr>\n")
        };
        let rows: String = self.rows.iter().map(|cells| row("td", cells)).collect();
        format!(
            "<table>\n<thead>{}</thead>\n<tbody>{rows}</tbody>\n</table>\n",
            row("th", &self.head)
        )
    }
}

/// A cell that is emphasized as a whole in Markdown, or not at all.
fn emphasis(cell: &str) -> String {
    for (mark, tag) in [("**", "strong"), ("*", "em")] {
        let inner = cell.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark));
        if let Some(inner) = inner {
            return format!("<{tag}>{}</{tag}>", escape(inner));
        }
    }
    escape(cell)
}

/// Values of servers, one column for each, to so many digits after the point.
pub(crate) type Column<'a> = (Vec<(&'a str, Option<Spread>)>, usize);

/// One row for each server that has any value.
pub(crate) fn side_by_side(columns: &[Column<'_>]) -> Vec<Vec<String>> {
    let Some((first, _)) = columns.first() else { return Vec::new() };
    let row = |(index, (name, value)): (usize, &(&str, Option<Spread>))| {
        value.as_ref()?;
        let cells = columns.iter().map(|(values, digits)| spread(values[index].1, *digits));
        Some(strings([*name]).into_iter().chain(cells).collect())
    };
    first.iter().enumerate().filter_map(row).collect()
}

/// Puts a row with the bar below the first, in so many columns.
pub(crate) fn with_bar(mut rows: Vec<Vec<String>>, bar: String, times: usize) -> Vec<Vec<String>> {
    if let Some(width) = rows.first().map(Vec::len) {
        let mut row = strings(["*stickler's bar*"]);
        row.resize(times + 1, bar);
        row.resize(width, String::new());
        rows.insert(1, row);
    }
    rows
}

/// Median, and from where to where.
pub(crate) fn spread(spread: Option<Spread>, digits: usize) -> String {
    match spread {
        None => "failed".into(),
        Some(Spread { median, least, most }) if least == most => format!("{median:.digits$}"),
        Some(Spread { median, least, most }) => {
            format!("{median:.digits$} ({least:.digits$}–{most:.digits$})")
        }
    }
}

pub(crate) fn strings<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(String::from).into()
}

/// Text as HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_the_same_in_both_forms() {
        let rows = vec![strings(["a < b", "**1**"])];
        let table = Table { title: "T".into(), note: "", head: strings(["x", "y"]), rows };
        assert_eq!(table.markdown(), "## T\n\n| x | y |\n|---|---|\n| a < b | **1** |\n");
        assert!(table.html().contains("<td>a &lt; b</td><td><strong>1</strong></td>"));
    }
}
