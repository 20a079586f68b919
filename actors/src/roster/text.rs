//! The text a host is searched and sorted by.

use domain::host::HostSpec;

/// Ends the name, the id and the tags in a host's text. Smaller than what names are made of: a name sorts before its longer kin.
pub const NAME_ENDS: char = '\u{1f}';
/// Stands before and after each tag in a host's text.
pub const TAG_ENDS: char = '\u{1e}';

/// What a host is found by, in lower case: as many bytes as its owner wrote about it.
pub(crate) fn search_text(spec: &HostSpec) -> Box<str> {
    let mut text = format!("{}{NAME_ENDS}{}{NAME_ENDS}{TAG_ENDS}", spec.name, spec.host_id);
    for tag in &spec.tags {
        text.push_str(tag);
        text.push(TAG_ENDS);
    }
    text.push(NAME_ENDS);
    text.push_str(&spec.description);
    text.to_lowercase().into_boxed_str()
}
