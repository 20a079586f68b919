//! Windows of a schedule as people write them: `Mon-Fri 08:00-18:00`, one a line. What a time or a day may be is the domain's to say.

use serde_json::{Value, json};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Most lines read; the domain allows fewer windows.
const LINES_MAX: usize = 1_000;

/// The windows of a text, or the number of the first line that is none, from 1.
pub(super) fn parse(text: &str) -> Result<Vec<Value>, usize> {
    let lines = text.lines().take(LINES_MAX).enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(i, line)| window(line).ok_or(i + 1)).collect()
}

fn window(line: &str) -> Option<Value> {
    let (days, times) = line.trim().rsplit_once(char::is_whitespace)?;
    let (start, end) = times.split_once('-')?;
    Some(json!({"days": day_list(days)?, "start": start, "end": end}))
}

/// `Mon-Fri`, `Sat, Sun`, `daily`.
fn day_list(text: &str) -> Option<Vec<usize>> {
    let text = text.trim().to_lowercase();
    if text == "daily" {
        return Some((1..=7).collect());
    }
    let mut days = Vec::new();
    for part in text.split(',').map(str::trim) {
        let (first, last) = part.split_once('-').map_or((part, part), |(first, last)| (first.trim(), last.trim()));
        let (first, last) = (day(first)?, day(last)?);
        // Fri-Mon goes over the weekend.
        let length = (last + 7 - first) % 7;
        days.extend((0..=length).map(|n| (first - 1 + n) % 7 + 1));
    }
    days.sort_unstable();
    days.dedup();
    Some(days)
}

/// A day by its name or its number, 1 to 7 from Monday.
fn day(text: &str) -> Option<usize> {
    if let Ok(n) = text.parse::<usize>() {
        return (1..=7).contains(&n).then_some(n);
    }
    DAYS.iter().position(|name| text.len() >= name.len() && text.starts_with(name)).map(|at| at + 1)
}

/// The windows of a schedule's JSON as text again.
pub(super) fn text(windows: &Value) -> String {
    let lines = windows.as_array().into_iter().flatten().map(|window| {
        let days: Vec<u64> = window["days"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        format!("{} {}-{}", days_text(&days), window["start"].as_str().unwrap_or(""), window["end"].as_str().unwrap_or(""))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Days as `Mon-Fri` where they follow one another.
pub(super) fn days_text(days: &[u64]) -> String {
    let mut parts: Vec<(u64, u64)> = Vec::new();
    for &day in days {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == day => *last = day,
            _ => parts.push((day, day)),
        }
    }
    let name = |day: u64| {
        let name = DAYS.get(usize::try_from(day).unwrap_or(0).wrapping_sub(1)).copied().unwrap_or("?");
        format!("{}{}", name[..1].to_uppercase(), &name[1..])
    };
    let words = parts.into_iter().map(|(first, last)| match last - first {
        0 => name(first),
        1 => format!("{},{}", name(first), name(last)),
        _ => format!("{}-{}", name(first), name(last)),
    });
    words.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_understood_and_written_back() {
        let cases = [
            ("Mon-Fri 08:00-18:00", "Mon-Fri 08:00-18:00"),
            ("monday - friday 8:00-18:00", "Mon-Fri 8:00-18:00"),
            ("Sat, Sun 22:00-06:00", "Sat,Sun 22:00-06:00"),
            ("daily 00:00-24:00", "Mon-Sun 00:00-24:00"),
            ("1-3,5 09:00-12:00", "Mon-Wed,Fri 09:00-12:00"),
            ("Fri-Mon 20:00-23:00", "Mon,Fri-Sun 20:00-23:00"),
        ];
        for (written, read) in cases {
            assert_eq!(text(&Value::from(parse(written).unwrap())), read, "{written}");
        }
    }

    #[test]
    fn a_line_that_is_no_window_is_named() {
        assert_eq!(parse("Mon 08:00-18:00\n\nnonsense"), Err(3));
        for wrong in ["Mon", "08:00-18:00", "Mon 08:00", "Xyz 08:00-18:00", "8 08:00-18:00", "0 08:00-18:00"] {
            assert_eq!(parse(wrong), Err(1), "{wrong}");
        }
        assert_eq!(parse("  \n"), Ok(Vec::new()));
    }
}
