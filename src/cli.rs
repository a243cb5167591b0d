//! The command line: one file a command. Reports go to stdout, all else to stderr.

mod apply;
#[cfg(feature = "cpu")]
mod bench;
mod extract;
mod inspect;
mod layers;
mod merge;
mod plugin;
mod progress;
mod run;
mod style;
mod verify;

use clap::{Parser, Subcommand};
use peftc::plugin::{Plugins, SearchPath};
use peftc::{Context, Error, ErrorKind, Result};
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

/// Puts PEFT adapters onto ONNX models: no Python, no PyTorch, no re-export.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Args)]
struct Global {
    /// Print the report as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Look for plugins here first; may be given more than once
    #[arg(long, global = true, value_name = "FOLDER")]
    plugin_path: Vec<PathBuf>,
    /// Threads to use; all of the machine's by default
    #[arg(long, global = true, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Memory for computing weights, such as 64MiB or 2GiB
    #[arg(long, global = true, value_name = "SIZE", default_value = "256MiB", value_parser = parse_size)]
    memory: u64,
    /// Log what happens, as in RUST_LOG (error, warn, info, debug, trace)
    #[arg(long, global = true, value_name = "LEVEL")]
    log: Option<tracing_subscriber::filter::LevelFilter>,
}

#[derive(Subcommand)]
enum Command {
    Apply(apply::Args),
    #[cfg(feature = "cpu")]
    Bench(bench::Args),
    Extract(extract::Args),
    Inspect(inspect::Args),
    Merge(merge::Args),
    Run(run::Args),
    Verify(verify::Args),
    #[command(subcommand)]
    Plugin(plugin::Command),
}

pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    allow_many_files();
    if let Some(level) = cli.global.log {
        tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).init();
    }
    let mut holds = true;
    let result = match &cli.command {
        Command::Apply(args) => apply::run(args, &cli.global),
        #[cfg(feature = "cpu")]
        Command::Bench(args) => bench::run(args, &cli.global),
        Command::Extract(args) => extract::run(args, &cli.global),
        Command::Inspect(args) => inspect::run(args, &cli.global),
        Command::Merge(args) => merge::run(args, &cli.global),
        Command::Run(args) => run::run(args, &cli.global),
        Command::Verify(args) => verify::run(args, &cli.global).map(|(report, same)| {
            holds = same;
            report
        }),
        Command::Plugin(command) => plugin::run(command, &cli.global),
    };
    match result {
        Ok(report) => match print_report(&report) {
            ExitCode::SUCCESS if !holds => ExitCode::from(1),
            code => code,
        },
        Err(error) => {
            eprintln!("{}", style::error(&error));
            exit_code(error.kind())
        }
    }
}

/// A model may have each tensor in a file of its own, and they are all open.
fn allow_many_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        // Without it models of many files are an error that says so.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}

/// 0 done; 1 a comparison did not hold; 2 bad input or usage; 3 a bug; 4 the environment; 130 interrupted.
fn exit_code(kind: ErrorKind) -> ExitCode {
    ExitCode::from(match kind {
        ErrorKind::Input => 2,
        ErrorKind::Environment => 4,
        ErrorKind::Interrupted => 130,
        _ => 3,
    })
}

/// A reader that went away (`peftc … | head`) is no failure.
fn print_report(report: &str) -> ExitCode {
    match writeln!(std::io::stdout(), "{}", report.trim_end()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{}", style::error(&Error::environment(format!("stdout: {e}"))));
            exit_code(ErrorKind::Environment)
        }
    }
}

impl Global {
    fn plugins(&self) -> Result<Plugins> {
        Plugins::load(SearchPath::standard(&self.plugin_path))
    }

    /// The context of a command: Ctrl-C cancels it, events go to stderr.
    fn context(&self) -> Result<Context> {
        let context = Context::new(self.threads, self.memory, progress::sink())?;
        let cancel = context.cancel().clone();
        ctrlc::set_handler(move || cancel.cancel())
            .map_err(|e| Error::environment(format!("cannot handle Ctrl-C: {e}")))?;
        Ok(context)
    }

    fn report<T: serde::Serialize>(
        &self,
        report: &T,
        text: impl FnOnce() -> String,
    ) -> Result<String> {
        if !self.json {
            return Ok(text());
        }
        serde_json::to_string_pretty(report).map_err(|e| Error::bug(format!("the report: {e}")))
    }
}

/// Bytes, with an optional KiB, MiB or GiB behind them; at least 1 MiB.
fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        other => return Err(format!("unknown unit {other:?}; KiB, MiB and GiB are known")),
    };
    let number: u64 =
        digits.trim().parse().map_err(|_| format!("{digits:?} is not a whole number"))?;
    let bytes = number.checked_mul(unit).ok_or("too large")?;
    if bytes < 1 << 20 { Err("at least 1MiB".into()) } else { Ok(bytes) }
}
