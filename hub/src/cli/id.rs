//! `hub id check`: whether licence identifiers are well formed.

use std::process::ExitCode;

use schemas::identifier::{Identifier, IdentifierFault};

use crate::cli::report;

/// Work with licence identifiers (电子证照标识, GB/T 36904).
#[derive(clap::Args, Debug)]
pub struct IdArgs {
    #[command(subcommand)]
    command: IdCommand,
}

#[derive(clap::Subcommand, Debug)]
enum IdCommand {
    /// Check identifiers: root, type code, issuing authority, serial, version, check character.
    ///
    /// Exit code 0 when all conform, 1 when one does not.
    Check {
        /// The identifiers.
        #[arg(required = true, value_name = "ID")]
        identifiers: Vec<String>,
    },
}

/// Checks the identifiers and prints one finding per line.
#[must_use]
pub fn run(args: &IdArgs) -> ExitCode {
    let IdCommand::Check { identifiers } = &args.command;
    let mut conform = true;
    for text in identifiers {
        conform &= check(text);
    }
    ExitCode::from(u8::from(!conform))
}

fn check(text: &str) -> bool {
    match Identifier::parse_lenient(text) {
        Ok((identifier, faults)) if faults.is_empty() => {
            println!("{identifier}  符合 conforms");
            println!(
                "  类型 type {}  机构 issuer {}  流水号 serial {}  版本 version {:03}",
                identifier.type_code(),
                identifier.issuer_code(),
                identifier.serial(),
                identifier.version(),
            );
            true
        }
        Ok((_, faults)) => {
            faults.iter().for_each(|fault| print_fault(text, fault));
            false
        }
        Err(fault) => {
            print_fault(text, &fault);
            false
        }
    }
}

fn print_fault(text: &str, fault: &IdentifierFault) {
    println!("{text}  不符合 does not conform: {} {fault}", fault.code());
    print!("{}", report::code_text(fault.code(), "  "));
}
