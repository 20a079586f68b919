//! The user's message templates, `templates/*.hbs` beside the other files: read by the start and by `check-config`.

use super::{ConfigError, ConfigErrors, Place};
use actors::alert::text::{TextError, Texts};
use std::path::Path;

/// The templates of the configuration folder; one that is not there replaces none.
///
/// # Errors
/// Every file that is no template, asks for a value that does not exist, or has a name nobody asks for.
pub fn templates(config_dir: &Path) -> Result<Texts, ConfigErrors> {
    Texts::load(&config_dir.join("templates")).map_err(|errors| ConfigErrors(errors.into_iter().map(fault).collect()))
}

fn fault(error: TextError) -> ConfigError {
    let line = error.line.and_then(|line| u64::try_from(line).ok());
    ConfigError::new(Place::File(error.file, line), "", error.message)
}
