//! The command line: one file per command.

mod deadletters;
pub mod demo;
mod doctor;
pub mod id;
mod keys;
pub mod log;
pub mod migrate;
pub mod mint;
mod node_stores;
mod out;
pub mod prove;
pub mod report;
pub mod serve;
pub mod topics;
pub mod trail;
mod trust;
pub mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::runtime::Builder;

/// Exit code for "could not run".
const COULD_NOT_RUN: u8 = 3;

/// License Hub shares electronic licences between nodes, verifies their seals and records every
/// use (电子证照共享交换枢纽).
///
/// Exit codes: 0 good, 1 a negative result, 2 wrong usage, 3 could not run.
#[derive(Parser, Debug)]
#[command(name = "hub", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: HubCommand,
}

#[derive(Subcommand, Debug)]
enum HubCommand {
    Demo(demo::DemoArgs),
    Serve(serve::ServeArgs),
    Verify(verify::VerifyArgs),
    Id(id::IdArgs),
    Mint(mint::MintArgs),
    Trail(trail::TrailArgs),
    Prove(prove::ProveArgs),
    Log(log::LogArgs),
    Migrate(migrate::MigrateArgs),
    Doctor(doctor::DoctorArgs),
    Topics(topics::TopicsArgs),
    Deadletters(deadletters::DeadlettersArgs),
    Trust(trust::TrustArgs),
    Keys(keys::KeysArgs),
}

/// Reads the command line and runs the command.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments.command) {
        Ok(code) => code,
        Err(error) if out::is_reader_gone(&error) => ExitCode::from(out::READER_GONE),
        Err(error) => {
            eprintln!("hub: {error:#}");
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

fn run(command: HubCommand) -> anyhow::Result<ExitCode> {
    // Whatever it is that a command verifies: never with arithmetic that is wrong on this machine.
    certs::sm2_verification::self_test()?;
    match command {
        HubCommand::Demo(args) => block_on(demo::run(&args)),
        HubCommand::Serve(args) => block_on(serve::run(args)),
        HubCommand::Verify(args) => verify::run(&args),
        HubCommand::Id(args) => id::run(&args),
        HubCommand::Mint(args) => mint::run(&args),
        HubCommand::Trail(args) => block_on(trail::run(args)),
        HubCommand::Prove(args) => block_on(prove::run(args)),
        HubCommand::Log(args) => block_on(log::run(args)),
        HubCommand::Migrate(args) => block_on(migrate::run(args)),
        HubCommand::Doctor(args) => block_on(doctor::run(args)),
        HubCommand::Topics(args) => block_on(topics::run(args)),
        HubCommand::Deadletters(args) => block_on(deadletters::run(args)),
        HubCommand::Trust(args) => block_on(trust::run(args)),
        HubCommand::Keys(args) => keys::run(&args),
    }
}

fn block_on<F: Future<Output = anyhow::Result<ExitCode>>>(work: F) -> anyhow::Result<ExitCode> {
    Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Arguments::command().debug_assert();
    }
}
