//! Progress on a terminal; silent elsewhere.

use super::messages::{Language, Messages};
use crate::world::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Draws a bar on stderr while something lasts. Off a terminal indicatif draws nothing.
pub(super) struct Bars {
    messages: Messages,
    bar: Option<ProgressBar>,
}

impl Bars {
    pub(super) fn new(language: Language) -> Self {
        Self { messages: Messages::load(language), bar: None }
    }
}

impl Progress for Bars {
    fn begin(&mut self, what: &'static str, on: &str, total: Option<u64>) {
        self.end();
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        // No time left is shown before there is a rate to speak of: indicatif leaves it at 0s until then.
        let template = match total {
            Some(_) => "  {msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}",
            None => "  {msg} {spinner} {human_pos} {per_sec}",
        };
        bar.set_style(ProgressStyle::with_template(template).expect("a fixed template"));
        bar.set_message(self.messages.what(what, &[("on", on.to_owned())]));
        self.bar = Some(bar);
    }

    fn advance(&mut self, by: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(by);
        }
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// Nothing is drawn: `--json`, tests.
pub(super) struct Silent;

impl Progress for Silent {
    fn begin(&mut self, _: &'static str, _: &str, _: Option<u64>) {}
    fn advance(&mut self, _: u64) {}
    fn end(&mut self) {}
}
