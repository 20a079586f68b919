//! Names that were meant: the known one that is nearest to what somebody wrote.

/// Up to this length only one wrong letter is taken for a slip: short names are near to each other.
const SHORT_NAME_BYTES: usize = 8;

/// The one of `known` that `written` was probably meant to be.
pub(crate) fn meant<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = if written.len() <= SHORT_NAME_BYTES { 1 } else { 2 };
    let near = known.into_iter().map(|name| (edits(written, name), name));
    near.filter(|(edits, _)| (1..=most).contains(edits)).min().map(|(_, name)| name)
}

/// How many letters must be put in, taken out, replaced or swapped with their neighbour to make `a` into `b`.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 2 {
        return usize::MAX;
    }
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut fewest = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                fewest = fewest.min(rows[i - 2][j - 2] + 1);
            }
            row.push(fewest);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_names_are_left_alone() {
        let known = ["DISCORD_WEBHOOK_URL", "API_KEY", "API_PORT"];
        assert_eq!(meant("DISCORD_WEBHOOK_ULR", known), Some("DISCORD_WEBHOOK_URL"));
        assert_eq!(meant("API_KEYS", known), Some("API_KEY"));
        for other in ["HOME", "API_KEY", "PORT", "DISCORD_TOKEN", "APP_HOST"] {
            assert_eq!(meant(other, known), None, "{other}");
        }
    }
}
