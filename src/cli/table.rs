//! Aligned plain text for people: columns as wide as their widest cell, no borders.

/// `rows` under `head`, two spaces between columns.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let head = head.map(str::to_owned);
    let lines = || std::iter::once(&head).chain(rows);
    let widths: Vec<usize> = (0..N).map(|column| lines().map(|cells| cells[column].chars().count()).max().unwrap_or(0)).collect();
    let line = |cells: &[String; N]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    lines().map(line).collect()
}

/// Names and values, one pair a line; empty values are left out.
pub(super) fn pairs(pairs: &[(&str, String)]) -> String {
    let shown = || pairs.iter().filter(|(_, value)| !value.is_empty());
    let width = shown().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    shown().map(|(name, value)| format!("{name:<width$}  {value}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_where_their_text_ends() {
        let rows = [["web-01".to_owned(), "up".to_owned()], ["büro".to_owned(), String::new()]];
        assert_eq!(table(["HOST", "STATUS"], &rows), "HOST    STATUS\nweb-01  up\nbüro\n");
        assert_eq!(
            pairs(&[("name", "NAS".into()), ("tags", String::new()), ("status", "up".into())]),
            "name    NAS\nstatus  up\n"
        );
    }
}
