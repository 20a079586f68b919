//! Other people's text made harmless: no markdown, mention, link or invisible character survives, and nothing is too long.

/// Length as Discord may count it: UTF-16 units after trimming, the stricter of the two readings of "characters".
pub fn units(text: &str) -> usize {
    text.trim().encode_utf16().count()
}

/// `text` trimmed and cut to at most `most` units, with `…` where something was cut off.
///
/// ```
/// assert_eq!(domain::notice::clip("heartbeat", 6), "heart…");
/// ```
pub fn clip(text: &str, most: usize) -> String {
    let text = text.trim();
    if units(text) <= most {
        return text.to_owned();
    }
    let mut cut = Cut::new(most);
    for c in text.chars() {
        let mut buffer = [0; 4];
        if !cut.push(c.encode_utf8(&mut buffer)) {
            break;
        }
    }
    cut.end()
}

/// One harmless line of at most `most` units: markdown is escaped, `@` and links are broken, what is invisible or turns the
/// reading direction is left out, line breaks become spaces. Empty when nothing is left.
///
/// ```
/// assert_eq!(domain::notice::plain("web_01 @everyone", 100), "web\\_01 ＠everyone");
/// ```
pub fn plain(text: &str, most: usize) -> String {
    let mut cut = Cut::new(most);
    for c in text.chars() {
        let space = c.is_whitespace() || c.is_control();
        if is_invisible(c) || (space && (cut.text.is_empty() || cut.text.ends_with(' '))) {
            continue;
        }
        let mut buffer = [0; 4];
        let kept = match c {
            _ if space => cut.push(" "),
            '@' => cut.push("＠"),
            // `https: //` is read by people and followed by nobody.
            '/' if cut.text.ends_with(':') => cut.push(" /"),
            '\\' | '*' | '_' | '~' | '`' | '|' | '[' | ']' | '<' => cut.push(&format!("\\{c}")),
            '#' | '-' | '+' | '>' if cut.text.is_empty() => cut.push(&format!("\\{c}")),
            _ => cut.push(c.encode_utf8(&mut buffer)),
        };
        if !kept {
            break;
        }
    }
    cut.end()
}

/// Whether `c` shows nothing, or changes how its neighbours are read.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Text that grows piece by piece up to a limit; a piece is never split, so no escape and no surrogate pair is.
struct Cut {
    text: String,
    used: usize,
    most: usize,
    /// Length of `text` up to which an ellipsis still fits.
    safe: usize,
    over: bool,
}

impl Cut {
    fn new(most: usize) -> Cut {
        Cut { text: String::new(), used: 0, most, safe: 0, over: false }
    }

    /// Adds `piece`; `false` when it does not fit any more.
    fn push(&mut self, piece: &str) -> bool {
        let wanted = self.used + piece.encode_utf16().count();
        if wanted > self.most {
            self.over = true;
            return false;
        }
        self.text.push_str(piece);
        self.used = wanted;
        if wanted < self.most {
            self.safe = self.text.len();
        }
        true
    }

    fn end(mut self) -> String {
        if self.over && self.most > 0 {
            self.text.truncate(self.safe);
            self.text.truncate(self.text.trim_end().len());
            self.text.push('…');
        }
        self.text.truncate(self.text.trim_end().len());
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_cut_at_the_limit_and_not_before() {
        for (length, expected) in [(255, 255), (256, 256), (257, 256), (10_000, 256)] {
            let text = "x".repeat(length);
            assert_eq!(units(&clip(&text, 256)), expected, "{length}");
            assert_eq!(clip(&text, 256).ends_with('…'), length > 256, "{length}");
            assert_eq!(units(&plain(&text, 256)), expected, "{length}");
        }
    }

    #[test]
    fn a_character_of_two_units_is_never_split() {
        assert_eq!(clip("😀😀😀", 6), "😀😀😀");
        assert_eq!(clip("😀😀😀", 5), "😀😀…");
        assert_eq!(clip("😀😀😀", 4), "😀…");
        assert_eq!(plain("***", 5), "\\*\\*…");
    }

    #[test]
    fn mentions_markdown_links_and_invisible_characters_are_broken() {
        let hostile = [
            ("@everyone", "＠everyone"),
            ("<@123> <#4> <t:1:R>", "\\<＠123> \\<#4> \\<t:1:R>"),
            ("**bold** _it_ ~~no~~ ||spoiler||", "\\*\\*bold\\*\\* \\_it\\_ \\~\\~no\\~\\~ \\|\\|spoiler\\|\\|"),
            ("[a](https://evil.example)", "\\[a\\](https: //evil.example)"),
            ("https:\u{200b}//evil.example", "https: //evil.example"),
            ("```rm```", "\\`\\`\\`rm\\`\\`\\`"),
            ("\u{202e}drowssap\0\u{7}", "drowssap"),
            ("# big", "\\# big"),
            ("a\nb\r\n\tc", "a b c"),
            ("\u{200b}\u{2066} \n", ""),
        ];
        for (text, expected) in hostile {
            assert_eq!(plain(text, 1_000), expected);
        }
    }

    #[test]
    fn an_ordinary_name_stays_as_it_is() {
        for name in ["web-server-01", "Büro NAS (cellar)", "db.example.net:5432", "日本 1/2"] {
            assert_eq!(plain(name, 256), name);
        }
    }

    fn hostile() -> impl Strategy<Value = String> {
        let pieces = [
            "@everyone",
            "<@&1>",
            "**",
            "`",
            "[a](https://b.example)",
            "\u{202e}",
            "\u{200b}",
            "\0",
            "\\",
            "{{x}}",
            "👨\u{200d}👩",
        ];
        prop::collection::vec(prop_oneof![prop::sample::select(pieces.to_vec()).prop_map(str::to_owned), any::<String>()], 0..8)
            .prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn whatever_is_shown_is_only_text_and_can_be_recognised(text in hostile(), most in 1_usize..400) {
            let shown = plain(&text, most);
            prop_assert!(units(&shown) <= most);
            let mut escaped = false;
            for c in shown.chars() {
                let counts = matches!(c, '*' | '_' | '~' | '`' | '|' | '[' | ']' | '<') && !escaped;
                prop_assert!(!counts && c != '@' && !c.is_control() && !is_invisible(c), "{c:?} in {shown:?}");
                escaped = c == '\\' && !escaped;
            }
            prop_assert!(!shown.contains("://"));
            let essence = |text: &str| text.chars().filter(|c| c.is_alphanumeric() && !is_invisible(*c)).collect::<String>();
            let (wanted, kept) = (essence(&text), essence(&shown));
            prop_assert!(wanted.starts_with(&kept), "{kept:?} of {wanted:?}");
            prop_assert!(shown.ends_with('…') || kept == wanted, "{kept:?} of {wanted:?}");
        }
    }
}
