//! The binary: parse, dispatch, exit code.

use std::process::ExitCode;

use clap::Parser;
use instasync::cli::{Cli, run};

fn main() -> ExitCode {
    run(Cli::parse()).into()
}
