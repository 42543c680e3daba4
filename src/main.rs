//! The program: parses the command line; `muster::cli` runs the verbs.

use clap::Parser;
use muster::cli::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    muster::cli::run(Cli::parse())
}
