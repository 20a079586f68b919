//! Pulsewarden: the program. All it does is in the library, so that tests can do it too.

use std::process::ExitCode;

fn main() -> ExitCode {
    pulsewarden::cli::run()
}
