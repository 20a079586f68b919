//! Lines to copy: how a machine calls its heartbeat URL by hand and from cron. Any character of the URL is safe in them.

/// Longest wait for the hub, tries, and silence unless it fails.
const CURL: &str = "curl -fsS -m 10 --retry 3";
const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;
const DAY: u32 = 24 * HOUR;

/// A line for a shell.
///
/// ```
/// assert_eq!(domain::recipe::curl("http://h/x"), "curl -fsS -m 10 --retry 3 'http://h/x'");
/// ```
pub fn curl(url: &str) -> String {
    format!("{CURL} {}", quoted(url))
}

/// A line around a job: its start, its duration and its exit code are seen.
///
/// ```
/// let line = domain::recipe::job("http://h/x?token=t");
/// assert!(line.ends_with("your-command; curl -fsS -m 10 --retry 3 -o /dev/null 'http://h/x/'$?'?token=t'"));
/// ```
pub fn job(url: &str) -> String {
    let (path, query) = url.split_at(url.find('?').unwrap_or(url.len()));
    let start = quoted(&format!("{path}/start{query}"));
    let end = format!("{}$?{}", quoted(&format!("{path}/")), if query.is_empty() { String::new() } else { quoted(query) });
    format!("{CURL} -o /dev/null {start}; your-command; {CURL} -o /dev/null {end}")
}

/// A line for a crontab that calls at least every `frequency_s` seconds; none below a minute, which cron cannot do.
///
/// ```
/// use domain::recipe::crontab;
/// assert!(crontab("http://h/x", 300).is_some_and(|line| line.starts_with("*/5 * * * * curl")));
/// assert_eq!(crontab("http://h/x", 59), None);
/// ```
pub fn crontab(url: &str, frequency_s: u32) -> Option<String> {
    // cron ends a command at the first bare percent sign.
    let url = quoted(url).replace('%', "\\%");
    Some(format!("{} {CURL} -o /dev/null {url}", times(frequency_s)?))
}

/// The rarest crontab times that are never further apart than `frequency_s`.
fn times(frequency_s: u32) -> Option<String> {
    let rarest = |divisors: &[u32], unit: u32| divisors.iter().rev().find(|n| *n * unit <= frequency_s).copied();
    Some(match frequency_s {
        0..MINUTE => return None,
        MINUTE..HOUR => match rarest(&[1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30], MINUTE)? {
            1 => "* * * * *".into(),
            n => format!("*/{n} * * * *"),
        },
        HOUR..DAY => match rarest(&[1, 2, 3, 4, 6, 8, 12], HOUR)? {
            1 => "0 * * * *".into(),
            n => format!("0 */{n} * * *"),
        },
        _ if frequency_s < 7 * DAY => "0 0 * * *".into(),
        _ if frequency_s < 31 * DAY => "0 0 * * 0".into(),
        _ => "0 0 1 * *".into(),
    })
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cron_calls_at_least_as_often_as_the_host_is_expected() {
        let cases = [
            (59, None),
            (60, Some("* * * * *")),
            (300, Some("*/5 * * * *")),
            (420, Some("*/6 * * * *")),
            (3_599, Some("*/30 * * * *")),
            (3_600, Some("0 * * * *")),
            (5 * 3_600, Some("0 */4 * * *")),
            (86_400, Some("0 0 * * *")),
            (7 * 86_400, Some("0 0 * * 0")),
            (31 * 86_400, Some("0 0 1 * *")),
        ];
        for (seconds, expected) in cases {
            assert_eq!(times(seconds).as_deref(), expected, "{seconds} s");
        }
    }

    #[test]
    fn no_character_of_a_url_means_anything_to_a_shell_or_to_cron() {
        assert_eq!(curl("http://h/x?token=a'b$c"), "curl -fsS -m 10 --retry 3 'http://h/x?token=a'\\''b$c'");
        assert_eq!(crontab("http://h/%20", 60).unwrap(), "* * * * * curl -fsS -m 10 --retry 3 -o /dev/null 'http://h/\\%20'");
    }
}
