//! The command line: parsing only; the verbs are in `muster::cli`.

use clap::Parser;
use muster::cli::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    muster::cli::run(Cli::parse())
}
