//! `symbolon config show`.

use anyhow::Result;
use clap::Args;
use unicode_width::UnicodeWidthStr;

use crate::cli::{Installation, text};

/// Shows every setting: what holds, and where it came from. Secrets are masked.
///
/// A setting comes from `symbolon.toml`, from `SYMBOLON_<SECTION>_<KEY>` in the environment, or from a flag, in rising order of
/// strength; else it is the default. Problems are all told at once.
#[derive(Args)]
#[command(after_help = "\
Examples:
  symbolon config show
  symbolon config show | grep -v '# default$'     what somebody set
  symbolon config show --json | jq '.[] | select(.key == \"token.access_life\")'")]
pub(in crate::cli) struct Show {
    /// Prints a JSON array of key, value and source.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    installation: Installation,
}

impl Show {
    pub(in crate::cli) fn run(self) -> Result<()> {
        let loaded = self.installation.load()?;
        for warning in &loaded.warnings {
            text::remark(format!("symbolon: {}", text::safe(warning)));
        }
        if self.json {
            return text::print_json(&loaded.provenance);
        }
        let lines = loaded.provenance.entries().iter().map(|entry| {
            let setting = format!("{} = {}", entry.key, entry.value);
            (text::safe(&setting).into_owned(), text::safe(&entry.source.to_string()).into_owned())
        });
        let lines: Vec<_> = lines.collect();
        // One very long list must not push every remark off the screen.
        let width = lines.iter().map(|(setting, _)| setting.width()).filter(|width| *width <= 60).max();
        for (setting, source) in lines {
            let gap = width.unwrap_or(0).saturating_sub(setting.width());
            text::say(format!("{setting}{:gap$}  # {source}", ""))?;
        }
        Ok(())
    }
}
