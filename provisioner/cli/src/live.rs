//! Running steps: redrawn on a terminal; elsewhere an occasional line, so that a wait does not look like a hang.

use std::{collections::HashMap, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    render::{
        count,
        progress::{Progress, seconds},
    },
    terminal::Terminal,
};

/// The display of an apply in progress.
pub(crate) struct Live<'a> {
    terminal: &'a Terminal,
    screen: Option<MultiProgress>,
    steps: HashMap<usize, ProgressBar>,
    total: Option<ProgressBar>,
}

impl<'a> Live<'a> {
    /// Maximum silence of a plain log.
    pub(crate) const HEARTBEAT: Duration = Duration::from_secs(30);

    pub(crate) fn new(terminal: &'a Terminal, steps: usize) -> Self {
        let screen = terminal.live.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));
        let total = screen.as_ref().map(|screen| {
            let bar = screen.add(ProgressBar::new(steps as u64));
            bar.set_style(style("{pos} of {len} steps done, {elapsed}"));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { terminal, screen, steps: HashMap::new(), total }
    }

    /// Updates the display after an event.
    pub(crate) fn show(&mut self, progress: &Progress<'_>, line: Option<&str>) {
        let Some(screen) = &self.screen else {
            if let Some(line) = line {
                self.terminal.say(line);
            }
            return;
        };
        self.steps.retain(|step, bar| {
            let runs = progress.running().contains_key(step);
            if !runs {
                bar.finish_and_clear();
            }
            runs
        });
        for (step, running) in progress.running() {
            let bar = self.steps.entry(*step).or_insert_with(|| {
                let bar = ProgressBar::new_spinner().with_prefix(progress.address(*step).to_owned());
                bar.set_style(style("{spinner} {prefix}: {wide_msg} {elapsed:>5}"));
                let bar = match &self.total {
                    Some(total) => screen.insert_before(total, bar),
                    None => screen.add(bar),
                };
                bar.enable_steady_tick(Duration::from_millis(120));
                bar
            });
            bar.set_message(running.now.clone());
        }
        if let Some(line) = line.filter(|line| screen.println(line).is_err()) {
            self.terminal.say(line);
        }
        if let Some(total) = &self.total {
            let all = total.length().unwrap_or(0);
            total.set_position(all.saturating_sub(progress.left() as u64));
        }
    }

    /// Nothing has happened for a while.
    pub(crate) fn still_at_it(&self, progress: &Progress<'_>) {
        if self.screen.is_some() {
            return;
        }
        let longest = progress.running().iter().min_by_key(|(_, running)| running.since);
        if let Some((step, running)) = longest {
            let others = match progress.running().len() - 1 {
                0 => String::new(),
                others => format!(", and {} more", count(others, "step")),
            };
            let (address, since) = (progress.address(*step), seconds(running.since.elapsed()));
            self.terminal.say(&format!("… {address}: {} ({since}){others}", running.now));
        }
    }

    /// Stops redrawing, and prints only lines from now on, because of a prompt.
    pub(crate) fn quiet(&mut self) {
        self.end();
        self.screen = None;
    }

    /// Nothing runs any more.
    pub(crate) fn end(&mut self) {
        self.steps.drain().for_each(|(_, bar)| bar.finish_and_clear());
        if let Some(total) = self.total.take() {
            total.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
