//! The `hub` program: reads the command line and hands over to [`hub::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    hub::cli::main()
}
