//! `hub id check`: whether licence identifiers are well formed.

use std::process::ExitCode;

use schemas::identifier::{Identifier, IdentifierFault};

use crate::cli::out::{self, outln};
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
///
/// # Errors
/// Output that cannot be written.
pub fn run(args: &IdArgs) -> anyhow::Result<ExitCode> {
    let IdCommand::Check { identifiers } = &args.command;
    let mut conform = true;
    for text in identifiers {
        conform &= check(text)?;
    }
    Ok(ExitCode::from(u8::from(!conform)))
}

fn check(text: &str) -> std::io::Result<bool> {
    match Identifier::parse_lenient(text) {
        Ok((identifier, faults)) if faults.is_empty() => {
            outln!("{identifier}  符合 conforms")?;
            outln!(
                "  类型 type {}  机构 issuer {}  流水号 serial {}  版本 version {:03}",
                identifier.type_code(),
                identifier.issuer_code(),
                identifier.serial(),
                identifier.version(),
            )?;
            Ok(true)
        }
        Ok((_, faults)) => {
            for fault in &faults {
                print_fault(text, fault)?;
            }
            Ok(false)
        }
        Err(fault) => {
            print_fault(text, &fault)?;
            Ok(false)
        }
    }
}

fn print_fault(text: &str, fault: &IdentifierFault) -> std::io::Result<()> {
    outln!("{text}  不符合 does not conform: {} {fault}", fault.code())?;
    out::text(report::code_text(fault.code(), "  "))
}
