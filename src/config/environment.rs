//! The environment as one value: names and texts, each also as `NAME_FILE`, told apart from slips of the pen.

use super::error::{ConfigError, Place};
use super::typo;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// A secret file is small; a larger one is a mistake.
const SECRET_FILE_BYTES: u64 = 64 << 10;
/// People who know other programs put this in front of our names.
const FOREIGN_PREFIX: &str = "PULSEWARDEN_";

/// The variables of a process. A variable that is set to nothing counts as not set: compose files write `NAME=`.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Environment({} variables)", self.0.len())
    }
}

impl Environment {
    /// This process's variables; those that are no UTF-8 are none of ours.
    pub fn of_process() -> Environment {
        let text =
            |(name, value): (std::ffi::OsString, std::ffi::OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        std::env::vars_os().filter_map(text).collect()
    }

    /// The text of `name` and where it came from; the file that `NAME_FILE` names, if it is that.
    ///
    /// # Errors
    /// When both are set, or the file cannot be read.
    pub fn read(&self, name: &str) -> Result<Option<(String, Place)>, ConfigError> {
        let file_name = format!("{name}_FILE");
        match (self.get(name), self.get(&file_name)) {
            (Some(_), Some(_)) => {
                let fix = format!("is set, and {file_name} too: keep one of them");
                Err(ConfigError::new(Place::Environment, name, fix))
            }
            (Some(text), None) => Ok(Some((text.to_owned(), Place::Environment))),
            (None, Some(path)) => secret_file(&file_name, Path::new(path)).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// The variables that look like a slip of one of `known`, in words.
    pub fn slips(&self, known: &[&str]) -> Vec<String> {
        let with_files: Vec<String> = known.iter().map(|name| format!("{name}_FILE")).collect();
        let names: Vec<&str> = known.iter().copied().chain(with_files.iter().map(String::as_str)).collect();
        let strangers = self.0.iter().filter(|(name, value)| !value.is_empty() && !names.contains(&name.as_str()));
        let meant = |name: &str| {
            let bare = name.strip_prefix(FOREIGN_PREFIX).and_then(|bare| names.iter().copied().find(|known| *known == bare));
            bare.or_else(|| typo::meant(name, names.iter().copied()))
        };
        let told = strangers
            .filter_map(|(name, _)| Some(format!("environment: {name} is not known here, did you mean {}?", meant(name)?)));
        told.collect()
    }

    /// The text of `name`, if it is set to something.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.trim().is_empty())
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Environment {
        Environment(variables.into_iter().collect())
    }
}

/// The text of the file at `path`, without the line break at its end.
fn secret_file(name: &str, path: &Path) -> Result<(String, Place), ConfigError> {
    let place = Place::line(path, 0);
    let told = |message: String| ConfigError::new(Place::Environment, name, message);
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(SECRET_FILE_BYTES + 1).read_to_string(&mut text));
    read.map_err(|e| told(format!("names {}, which cannot be read ({e}): check the path and its permissions", path.display())))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.trim().is_empty() {
        return Err(told(format!("names {}, which is empty: write the value into it", path.display())));
    }
    if text.len() as u64 > SECRET_FILE_BYTES {
        return Err(told(format!(
            "names {}, which has more than {SECRET_FILE_BYTES} bytes: is it the right file?",
            path.display()
        )));
    }
    Ok((text.to_owned(), place))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_name_may_be_given_as_a_file_and_its_last_line_break_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "from a file\n").unwrap();
        let environment = environment(&[("API_KEY_FILE", path.to_str().unwrap())]);
        let (text, place) = environment.read("API_KEY").unwrap().unwrap();
        assert_eq!((text.as_str(), place), ("from a file", Place::File(path, None)));
    }

    #[test]
    fn a_name_and_its_file_together_are_refused_without_showing_either() {
        let error = environment(&[("API_KEY", "hunter2"), ("API_KEY_FILE", "/x")]).read("API_KEY").unwrap_err();
        assert_eq!(error.to_string(), "environment: API_KEY: is set, and API_KEY_FILE too: keep one of them");
    }

    #[test]
    fn a_missing_or_empty_secret_file_is_told_by_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let environment = environment(&[("API_KEY_FILE", path.to_str().unwrap())]);
        let missing = environment.read("API_KEY").unwrap_err().to_string();
        assert!(missing.starts_with("environment: API_KEY_FILE: names /") && missing.contains("cannot be read"), "{missing}");
        std::fs::write(&path, "\n").unwrap();
        assert!(environment.read("API_KEY").unwrap_err().message.contains("is empty"));
    }

    #[test]
    fn set_to_nothing_is_not_set() {
        assert_eq!(environment(&[("API_KEY", ""), ("API_KEY_FILE", "")]).read("API_KEY"), Ok(None));
    }

    #[test]
    fn slips_are_told_and_strangers_are_not() {
        let environment = environment(&[
            ("DISCORD_WEBHOOK_ULR", "x"),
            ("PULSEWARDEN_API_KEY", "x"),
            ("API_KEY", "x"),
            ("API_KEY_FILE", "x"),
            ("PATH", "x"),
            ("API_KEYY", ""),
        ]);
        let told = environment.slips(&["API_KEY", "DISCORD_WEBHOOK_URL"]);
        assert_eq!(
            told,
            [
                "environment: DISCORD_WEBHOOK_ULR is not known here, did you mean DISCORD_WEBHOOK_URL?",
                "environment: PULSEWARDEN_API_KEY is not known here, did you mean API_KEY?"
            ]
        );
    }
}
