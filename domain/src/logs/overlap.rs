//! Where in a stretch of a log the lines end that were read before: found by a tail of hashes, not by what any clock says.

use super::hash::Hash;

/// How many of the last lines are remembered.
pub(super) const TAIL_LINES: usize = 64;
/// A part of the tail at the very beginning of a stretch counts only from so many lines on: one line may be there by accident.
const PART_LINES: usize = 3;

/// Whether lines that were found could stand there by accident: so few that differ may well be written again.
pub(super) fn is_doubtful(tail: &[Hash], end: usize) -> bool {
    let found = &tail[tail.len().saturating_sub(end)..];
    let mut seen = Vec::with_capacity(PART_LINES);
    for hash in found {
        if !seen.contains(hash) {
            seen.push(*hash);
        }
        if seen.len() >= PART_LINES {
            return false;
        }
    }
    true
}

/// After how many of `lines` those that were read before end; `None` when they are not there.
///
/// `exact` is where they end if the stretch begins where the last one did, which settles what repeats itself: lines vanish from the front of
/// a log, none are put before others. Otherwise the *first* place counts where the tail stands, or as much of it as there is room for: a log
/// that repeats itself may be told twice then, but no line is lost. A tail that `is_all` that was ever told has nothing known before it, so
/// it stands at the very beginning or what stands there is another log. `known` lines are expected to be there again; fewer than that count
/// only if they are no accident.
pub(super) fn end(tail: &[Hash], lines: &[Hash], exact: Option<usize>, known: usize, is_all: bool) -> Option<usize> {
    if let Some(end) = exact.filter(|end| stands(tail, lines, *end)) {
        return Some(end);
    }
    let known = known.clamp(1, tail.len().max(1));
    let last = if is_all { tail.len() } else { lines.len() };
    let last = exact.unwrap_or(last).min(last).min(lines.len());
    let first = (known..=last).find(|end| stands(tail, lines, *end));
    first.or_else(|| (PART_LINES.min(known)..known).rev().filter(|end| *end <= last).find(|end| stands(tail, lines, *end)))
}

/// Whether the tail, or as much of it as there is room for, stands before `end`.
fn stands(tail: &[Hash], lines: &[Hash], end: usize) -> bool {
    let part = tail.len().min(end);
    part > 0 && end <= lines.len() && lines[end - part..end] == tail[tail.len() - part..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(text: &str) -> Vec<Hash> {
        text.bytes().map(|byte| Hash::of(&[byte])).collect()
    }

    fn found(tail: &str, lines: &str, exact: Option<usize>) -> Option<usize> {
        end(&hashes(tail), &hashes(lines), exact, 3, false)
    }

    #[test]
    fn the_whole_tail_is_found_wherever_it_stands() {
        assert_eq!(found("def", "abcdefgh", None), Some(6));
        assert_eq!(found("def", "def", None), Some(3));
        assert_eq!(found("def", "xyz", None), None);
        assert_eq!(found("def", "", None), None);
        assert_eq!(found("", "def", None), None);
    }

    #[test]
    fn a_stretch_that_begins_inside_the_tail_shows_its_rest() {
        assert_eq!(found("abcdef", "defgh", None), Some(3));
        assert_eq!(end(&hashes("abcdef"), &hashes("def"), None, 5, false), Some(3), "fewer than expected, and no accident");
        assert_eq!(found("abcdef", "fgh", None), None, "one line may be there by accident");
        assert_eq!(end(&hashes("abcdef"), &hashes("fgh"), None, 1, false), Some(1), "unless no more is expected");
    }

    #[test]
    fn few_lines_that_differ_prove_little() {
        assert!(is_doubtful(&hashes("aaaaaaab"), 8) && is_doubtful(&hashes("xyzab"), 2) && is_doubtful(&[], 0));
        assert!(!is_doubtful(&hashes("abcaaa"), 9) && !is_doubtful(&hashes("xyz"), 3));
    }

    #[test]
    fn what_repeats_itself_is_told_twice_rather_than_lost() {
        assert_eq!(found("aba", "abacabad", None), Some(3));
        assert_eq!(found("aba", "abacabad", Some(7)), Some(7), "where it ends is known");
        assert_eq!(found("aaa", "aaaaaa", Some(5)), Some(5));
        assert_eq!(found("aaa", "baaa", Some(3)), None, "something stands before it that was not there");
        let alone = |lines| end(&hashes("aaa"), &hashes(lines), None, 3, true);
        assert_eq!((alone("baaa"), alone("aaab")), (None, Some(3)), "what was never told cannot stand before all that was told");
        assert_eq!(end(&hashes("aaaaaaaaa"), &hashes("aaaaaa"), None, 4, false), Some(4), "what is expected is enough");
    }
}
