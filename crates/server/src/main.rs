//! The binary `symbolon`. See `cli` for its verbs and `lib.rs` for its shell.

use std::process::ExitCode;

fn main() -> ExitCode {
    symbolon_server::cli::run()
}
