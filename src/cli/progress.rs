//! Events on stderr: notes as lines, progress as a bar where stderr is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use peftc::{Event, Level};
use std::sync::OnceLock;

/// Shows the events of a command.
pub(super) fn sink() -> impl Fn(Event) + Send + Sync {
    let bar = OnceLock::new();
    move |event| match event {
        Event::Note { level: Level::Warning, message } => eprintln!("warning: {message}"),
        Event::Note { level: Level::Info, message } => eprintln!("{message}"),
        Event::Progress { done, total } => {
            let bar: &ProgressBar = bar.get_or_init(|| new_bar(total));
            bar.set_position(done);
            if done >= total {
                bar.finish_and_clear();
            }
        }
        _ => {}
    }
}

fn new_bar(total: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr()).with_style(style)
}
