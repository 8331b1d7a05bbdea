//! The `hub` program: reads the command line and hands over to [`hub::cli`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    hub::cli::main()
}
