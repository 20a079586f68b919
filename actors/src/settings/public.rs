//! What strangers may see: a status page and badges of the hosts with one tag. Off unless somebody switches it on.

use domain::field::FieldError;
use serde::{Deserialize, Serialize};

const TAG_MAX_CHARS: usize = 64;
const TITLE_MAX_CHARS: usize = 100;
const DEFAULT_TAG: &str = "public";
const DEFAULT_TITLE: &str = "Status";

/// Which hosts are public, and under which title.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Public {
    /// Whether anything is.
    pub enabled: bool,
    /// The tag a host must have.
    pub tag: String,
    /// The heading of the page.
    pub title: String,
}

impl Default for Public {
    fn default() -> Public {
        Public { enabled: false, tag: DEFAULT_TAG.to_owned(), title: DEFAULT_TITLE.to_owned() }
    }
}

/// The same as it arrives: nothing believed.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicDraft {
    /// Whether anything is public.
    pub enabled: bool,
    /// The tag a host must have.
    pub tag: String,
    /// The heading of the page.
    pub title: String,
}

impl PublicDraft {
    /// What this describes.
    ///
    /// # Errors
    /// Every wrong field with its fix.
    pub(super) fn checked(self) -> Result<Public, Vec<FieldError>> {
        let mut errors = Vec::new();
        let (tag, title) = (self.tag.trim().to_owned(), self.title.trim().to_owned());
        for (field, text, most, example) in
            [("tag", &tag, TAG_MAX_CHARS, DEFAULT_TAG), ("title", &title, TITLE_MAX_CHARS, DEFAULT_TITLE)]
        {
            if !(1..=most).contains(&text.chars().count()) || text.chars().any(char::is_control) {
                let fix = format!("must have 1 to {most} characters and no control characters, for example {example}");
                errors.push(FieldError::new(field, fix));
            }
        }
        if errors.is_empty() { Ok(Public { enabled: self.enabled, tag, title }) } else { Err(errors) }
    }
}

/// What is kept; what cannot be read is told, and then nothing is public.
pub(super) fn read(text: &str) -> Public {
    serde_json::from_str(text).unwrap_or_else(|e| {
        log::error!("settings: what is public cannot be read, so nothing is: {e}");
        Public::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_makes_nothing_public() {
        assert_eq!(read("{\"enabled\":true}"), Public::default());
        assert!(!Public::default().enabled);
    }

    #[test]
    fn both_texts_are_checked_and_trimmed() {
        let draft = |tag: &str, title: &str| PublicDraft { enabled: true, tag: tag.into(), title: title.into() };
        let errors = draft(" ", &"x".repeat(101)).checked().unwrap_err();
        assert_eq!(errors.iter().map(|e| e.field.as_str()).collect::<Vec<_>>(), ["tag", "title"]);
        assert_eq!(draft(" a ", "b").checked().unwrap().tag, "a");
    }
}
