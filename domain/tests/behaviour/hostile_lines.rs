//! Hostile bytes through the whole way of a log line: cleaned, redacted, its header read, mined, reduced. Seeds and what a few
//! thousand small damages make of them; the fuzzer takes the same way (`fuzz/`, target `log_line`).

use domain::redact::{MAX_LINE_BYTES, Redactor, clean};
use domain::reduce::Reducer;
use domain::rules::line;
use domain::template::{MAX_SHAPE_BYTES, MAX_TOKENS, Miner};
use domain::time::Wall;

const SEEDS: [&[u8]; 18] = [
    b"",
    b"\0\0\0",
    b"\xff\xfe\xed\xa0\x80",
    b"\x1b[31;1m\x1b]0;title\x07\x1b",
    b"password=\"\\",
    b"Authorization: Digest \"",
    b"-----BEGIN RSA PRIVATE KEY----------END",
    b"http://:@/://@:@",
    b"1.2.3.4.5.6::::ffff:1.2.3.4:1::2",
    b"@@@.@a.bc@",
    b"4111 1111-1111 1111 4111111111111111111111",
    b"<SECRET:<SECRET:><EMAIL>IP-PUB-IP-PUB-1",
    b"=== == = a==b =\xc3\xa9",
    b"<13>1 - - - - - [a b=\"\\\"]\"] x",
    b"[Sun Dec 04 04:47:44 2005] [error] [client 10.0.0.1] x()()()",
    b"<*> <*><*> <\xe2\x80\xa6> user user user",
    "pass\u{200b}word=\u{e0061} \u{202e}drow".as_bytes(),
    b"{\"a\":\"b\",\"token\":\"\\\"\",\"c\":[],\"key-\":{}}",
];

/// What must hold of `bytes` whatever they are.
fn takes(bytes: &[u8], redactor: &mut Redactor, miner: &mut Miner) {
    let cleaned = clean(bytes);
    assert!(!cleaned.text.contains(|c: char| c.is_control()), "{bytes:?}");
    let once = redactor.line(&cleaned.text).into_owned();
    let mut again = Redactor::default();
    assert_eq!(again.line(&once), once, "{bytes:?}");
    let mut reducer = Reducer::new(miner);
    reducer.push(&once, line::parse(&once, 1_715_700_000).message, Wall(0));
    let reduced = reducer.finish(Wall(0), 2_000);
    assert!(reduced.tokens <= 2_000 && reduced.lines_read == 1);
}

#[test]
fn no_bytes_break_the_way_of_a_log_line() {
    let (mut redactor, mut miner) = (Redactor::default(), Miner::default());
    let mut state = 1_u64;
    for seed in SEEDS {
        takes(seed, &mut redactor, &mut miner);
        for end in 0..seed.len() {
            takes(&seed[..end], &mut redactor, &mut miner);
            takes(&seed[end..], &mut redactor, &mut miner);
        }
        for _ in 0..60 {
            let mut bytes = seed.repeat(2);
            for _ in 0..3 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = usize::try_from(state >> 40).unwrap() % bytes.len().max(1);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = state.to_le_bytes()[4];
                }
            }
            takes(&bytes, &mut redactor, &mut miner);
        }
    }
}

#[test]
fn a_line_of_any_length_is_taken_at_its_limits() {
    let (mut redactor, mut miner) = (Redactor::default(), Miner::default());
    for length in
        [MAX_SHAPE_BYTES - 1, MAX_SHAPE_BYTES, MAX_SHAPE_BYTES + 1, MAX_LINE_BYTES - 1, MAX_LINE_BYTES, MAX_LINE_BYTES + 1]
    {
        for piece in ["x", "x ", "é", "=", "\"", "1.2.3.4 ", "token= ", "(", "\u{1b}["] {
            takes(piece.repeat(length / piece.len() + 1).as_bytes(), &mut redactor, &mut miner);
        }
    }
    for words in [MAX_TOKENS - 1, MAX_TOKENS, MAX_TOKENS + 1] {
        let line = "word ".repeat(words);
        let template = miner.observe(&line, Wall(0)).template;
        let text = miner.text(template).unwrap();
        assert_eq!(text.ends_with('…') || text.ends_with("<…>"), words > MAX_TOKENS - 1, "{words}: {text}");
    }
}
