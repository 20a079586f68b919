//! Log lines made up for tests and benchmarks: ordinary ones, rare ones, and a flood in which no two are alike.

const PROGRAMS: [&str; 10] = ["sshd", "cron", "nginx", "kernel", "postfix", "dhcpd", "named", "smartd", "docker", "backup"];
const VERBS: [&str; 20] = [
    "opened",
    "closed",
    "started",
    "stopped",
    "accepted",
    "refused",
    "queued",
    "delivered",
    "renewed",
    "expired",
    "mounted",
    "synced",
    "checked",
    "rotated",
    "resolved",
    "cached",
    "linked",
    "paused",
    "resumed",
    "cleaned",
];

/// Ordinary lines of 200 kinds, of which only numbers and addresses differ.
pub(crate) fn ordinary(count: usize) -> Vec<String> {
    let mut state = 7_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits fit") % below
    };
    let line = |_| {
        let (program, verb) = (PROGRAMS[random(10)], VERBS[random(20)]);
        let (job, host, ms) = (random(100_000), random(250), random(9_000));
        format!("May 14 12:00:51 web {program}[{job}]: {program}-{verb} item {job} from 10.0.0.{host} after {ms} ms")
    };
    (0..count).map(line).collect()
}

/// Lines that come once in the whole log, no two alike.
pub(crate) fn rare(count: usize) -> Vec<String> {
    let word = |n: usize| format!("{}{}", VERBS[n % 20], PROGRAMS[n / 20 % 10]);
    let text = |n| {
        format!("May 14 13:00:00 web app[7]: {} of the {} has {} its way to {}", word(n), word(n + 31), word(n + 77), word(n * 3))
    };
    (0..count).map(text).collect()
}

/// The n-th line of a flood in which no line is like another: words and their number change.
pub(crate) fn flood(n: u64) -> String {
    let mut state = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678;
    let mut text = String::new();
    for _ in 0..3 + n % 11 {
        for _ in 0..6 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push(char::from(b'a' + u8::try_from((state >> 33) % 26).expect("less than 26")));
        }
        text.push(' ');
    }
    text
}
