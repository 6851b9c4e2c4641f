//! Which installation a verb is about: the flags that every verb takes.

use std::path::PathBuf;

use clap::Args;

use crate::config::{self, ConfigError, Flags, Loaded};

/// Where the installation is.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Installation")]
pub(crate) struct Installation {
    /// The configuration file; `symbolon.toml` of this folder when there is one.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The data folder.
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// The store, when it is not in the data folder.
    #[arg(long, value_name = "URL")]
    pub(super) store: Option<String>,
    /// Development: data in `./symbolon-dev`, `/explore`, readable logs.
    #[arg(long)]
    pub(super) dev: bool,
}

impl Installation {
    /// What these flags say to the configuration.
    pub(crate) fn flags(&self) -> Flags {
        Flags {
            dev: self.dev,
            config: self.config.clone(),
            data: self.data.clone(),
            store: self.store.clone(),
            ..Flags::default()
        }
    }

    /// The flags as one would type them again, with a space before each.
    pub(super) fn told(&self) -> String {
        let mut told = String::new();
        let paths = [("--config", &self.config), ("--data", &self.data)];
        for (flag, path) in paths {
            told.extend(path.iter().map(|path| format!(" {flag} {}", path.display())));
        }
        // A store's address may hold a password.
        told.extend(self.store.iter().map(|_| " --store URL".to_owned()));
        if self.dev {
            told.push_str(" --dev");
        }
        told
    }

    /// The configuration of the installation.
    ///
    /// # Errors
    /// Every problem of it.
    pub(super) fn load(&self) -> Result<Loaded, ConfigError> {
        config::load(&self.flags())
    }
}
