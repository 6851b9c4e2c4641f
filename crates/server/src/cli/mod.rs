//! The command line: one verb per file. Says what it did on standard output, what went wrong on standard error.
//! Exit codes: 0, 1 failed, 2 usage.
//!
//! Every verb that reads or changes an installation is a request to the admin API (`node.rs`): over the running server's socket, or,
//! when none runs, in this process. So there is one set of rules, and one implementation of each verb. Refuses to take a secret as
//! an argument (ATTACKS LG-10), and to let what stands in the store speak to the terminal (`text.rs`).

mod answer;
mod ask;
mod backup;
mod client;
mod config;
mod doctor;
mod installation;
mod key;
mod migrate;
mod node;
mod progress;
mod restore;
mod serve;
mod session;
mod text;
mod times;
mod token;
mod user;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub(crate) use installation::Installation;

use crate::{
    assemble,
    config::{LogFormat, LogLevel, Telemetry},
    logs,
};

/// Logins for an application: cookie sessions and signed tokens, both revocable at once.
#[derive(Parser)]
#[command(name = "symbolon", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "\
The first steps:
  symbolon serve --dev                               a server to look at, on http://127.0.0.1:7117
  symbolon user add --role admin ada@example.org     its first administrator (--dev too, for that one)
  symbolon doctor                                    what is wrong, if anything

Settings stand in symbolon.toml, in SYMBOLON_<SECTION>_<KEY>, or in flags; `symbolon config show` lists them all.
Commands ask the running server, or open its store themselves when none runs.
Exit codes: 0 done, 1 failed, 2 not understood.")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Starts the server.
    Serve(serve::Serve),
    /// Makes, lists, changes and takes in users.
    #[command(subcommand)]
    User(user::User),
    /// Lists and ends the sessions of a user.
    #[command(subcommand)]
    Session(session::Session),
    /// Registers, lists and removes machine clients, and gives them new secrets.
    #[command(subcommand)]
    Client(client::Client),
    /// Lists, replaces and removes signing keys.
    #[command(subcommand)]
    Key(key::Key),
    /// Looks into tokens.
    #[command(subcommand)]
    Token(token::Token),
    Migrate(migrate::Migrate),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Doctor(doctor::Doctor),
    /// Shows the settings.
    #[command(subcommand)]
    Config(config::Config),
}

impl Verb {
    async fn run(self) -> anyhow::Result<()> {
        if !matches!(self, Self::Serve(_)) {
            // The engine tells causes to the log only; here there is nobody to hide them from.
            let to_the_operator =
                Telemetry { listen: None, log_format: LogFormat::Readable, log_level: LogLevel::Error };
            logs::start(&to_the_operator)?;
        }
        match self {
            Self::Serve(verb) => verb.run().await,
            Self::User(verb) => verb.run().await,
            Self::Session(verb) => verb.run().await,
            Self::Client(verb) => verb.run().await,
            Self::Key(verb) => verb.run().await,
            Self::Token(verb) => verb.run().await,
            Self::Migrate(verb) => verb.run().await,
            Self::Backup(verb) => verb.run().await,
            Self::Restore(verb) => verb.run().await,
            Self::Doctor(verb) => verb.run().await,
            Self::Config(verb) => verb.run(),
        }
    }
}

/// Runs the verb that the arguments name.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let done = assemble::runtime().and_then(|runtime| runtime.block_on(cli.verb.run()));
    match done {
        Err(error) if error.is::<text::NobodyReads>() => ExitCode::SUCCESS,
        Err(error) if error.is::<text::SaidAlready>() => ExitCode::FAILURE,
        Err(error) => {
            for line in sentence(&error).lines() {
                text::remark(format!("symbolon: {}", text::safe(line)));
            }
            ExitCode::FAILURE
        }
        Ok(()) => ExitCode::SUCCESS,
    }
}

/// An error with what caused it, each once.
fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_is_documented_with_examples() {
        fn look(command: &clap::Command, path: &str) {
            assert!(command.get_about().is_some(), "{path} says what it does");
            for argument in command
                .get_arguments()
                .filter(|argument| argument.get_id() != "help" && argument.get_id() != "version")
            {
                assert!(argument.get_help().is_some(), "{path} {} says what it is", argument.get_id());
            }
            let verbs: Vec<_> = command.get_subcommands().filter(|verb| verb.get_name() != "help").collect();
            if verbs.is_empty() && path != "symbolon serve" {
                let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(after.contains("Examples:"), "{path} has examples");
                // Wider, and a terminal breaks the columns.
                assert!(after.lines().all(|line| line.chars().count() <= 98), "{path} has narrow examples");
                for flag in ["config", "data", "store", "dev"] {
                    assert!(
                        command.get_arguments().any(|argument| argument.get_id() == flag),
                        "{path} takes --{flag}"
                    );
                }
            }
            for verb in verbs {
                look(verb, &format!("{path} {}", verb.get_name()));
            }
        }
        look(&Cli::command(), "symbolon");
    }
}
