//! The command line: one file per sub-command.
//!
//! `serve`, `demo` and `migrate` own the data folder; every other command talks to the running
//! daemon over its private socket, or over `--url` with a token. Data goes to standard output, talk
//! to standard error; `--json` is stable.

#![allow(clippy::indexing_slicing, reason = "only JSON is indexed here: a missing field is null")]

mod account;
mod attention;
mod client;
mod configuration;
mod demo;
mod docs;
mod doctor;
mod events;
mod exit;
mod init;
mod later;
mod migrate;
mod order;
mod output;
mod revision;
mod serve;
mod simulate;
mod store;
mod task;
mod token;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub use exit::{CliError, Exit};

/// Keeps the order book in step with the carts.
#[derive(Debug, Parser)]
#[command(
    name = "instasync",
    version,
    about = "Keeps a merchant's order book in step with the carts they sell on",
    arg_required_else_help = true,
    after_help = "Try it: instasync demo\nExit codes: 0 ok, 1 error, 2 usage, 3 not found, \
                  4 unhealthy, 69 not reachable, 74 database damaged, 75 in use, 78 configuration."
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Flags that every command understands.
#[derive(Debug, Clone, clap::Args)]
pub struct Global {
    /// The configuration file [default: /etc/instasync/config.toml].
    #[arg(long, global = true, env = "INSTASYNC_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Talk to a daemon at this address instead of the private socket.
    #[arg(long, global = true, value_name = "URL")]
    url: Option<String>,
    /// The token for --url.
    #[arg(long, global = true, env = "INSTASYNC_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    /// Do not ask before what cannot be undone.
    #[arg(long, global = true)]
    yes: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try it: simulated stores, temporary data, a one-time link.
    Demo(demo::Args),
    /// Write config.toml and a master key, and print the next steps.
    Init(init::Args),
    /// Run the daemon.
    Serve,
    /// Check the configuration; every mistake with its file and line.
    CheckConfig,
    /// Look at the configuration.
    #[command(subcommand)]
    Config(configuration::Command),
    /// Bring the database up to this build, and end.
    Migrate,
    /// Check everything; each line says what is wrong and how to mend it.
    Doctor,
    /// Accounts.
    #[command(subcommand)]
    Account(account::Command),
    /// Stores.
    #[command(subcommand)]
    Store(store::Command),
    /// Orders.
    #[command(subcommand)]
    Order(order::Command),
    /// What carts changed of orders: look, accept, reject.
    #[command(subcommand)]
    Revision(revision::Command),
    /// Events of the journal.
    #[command(subcommand)]
    Events(events::Command),
    /// Runs of tasks.
    #[command(subcommand)]
    Runs(task::Runs),
    /// Schedules of a store.
    Autosync(task::Autosync),
    /// Runs tasks of a store once, now.
    Sync(task::Sync),
    /// What only a person can mend, worst first.
    Attention,
    /// Tokens for people and tools.
    #[command(subcommand)]
    Token(token::Command),
    /// Drive the simulated carts of a demo.
    Simulate(simulate::Args),
    /// Print the OpenAPI document.
    Openapi,
    /// Print completions for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
    #[command(flatten)]
    Later(later::Command),
}

/// Runs one command and says how it ended.
pub fn run(cli: Cli) -> Exit {
    let Cli { global, command } = cli;
    let outcome = match command {
        Command::Serve => serve::run(&global),
        Command::Demo(args) => demo::run(&args),
        Command::Migrate => migrate::run(&global),
        Command::Init(args) => init::run(&args),
        Command::CheckConfig => configuration::check(&global),
        Command::Config(command) => configuration::run(&command, &global),
        Command::Completions { shell } => Ok(docs::completions(shell)),
        Command::Man => docs::man(),
        Command::Later(command) => later::run(&command),
        other => ask(other, &global),
    };
    match outcome {
        Ok(exit) => exit,
        Err(error) => {
            output::talk(&error.sentence);
            error.exit
        }
    }
}

/// Commands that ask the daemon.
fn ask(command: Command, global: &Global) -> Result<Exit, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(Exit::Error, format!("no runtime: {error}")))?;
    runtime.block_on(async {
        match command {
            Command::Doctor => doctor::run(global).await,
            Command::Account(command) => account::run(command, global).await,
            Command::Store(command) => store::run(command, global).await,
            Command::Order(command) => order::run(command, global).await,
            Command::Revision(command) => revision::run(command, global).await,
            Command::Events(command) => events::run(command, global).await,
            Command::Runs(command) => task::runs(command, global).await,
            Command::Autosync(args) => task::autosync(args, global).await,
            Command::Sync(args) => task::sync(args, global).await,
            Command::Attention => attention::run(global).await,
            Command::Token(command) => token::run(command, global).await,
            Command::Simulate(args) => simulate::run(args, global).await,
            Command::Openapi => docs::openapi(global).await,
            _ => Err(CliError::new(Exit::Usage, "this command runs by itself")),
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_commands_are_well_formed() {
        super::Cli::command().debug_assert();
    }
}
