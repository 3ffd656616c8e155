//! The status of a stack, on one screen.

use std::{collections::BTreeMap, fmt::Write as _};

use provisioner_aws::operations::status::{
    AlarmStatus, DatabaseStatus, DeploymentStatus, ServiceStatus, Status, TargetsStatus, TaskStatus,
};

use super::{PageFormat, Tone, count};

/// All of it, at a time in seconds since 1970.
pub fn status(environment: &str, status: &Status, page: PageFormat, now: u64) -> String {
    let mut screen = Screen { page, now, out: String::new() };
    let troubles = status.troubles();
    screen.headline(environment, status, &troubles);
    status.services.iter().for_each(|service| screen.service(service));
    status.targets.iter().for_each(|group| screen.targets(group));
    status.databases.iter().for_each(|database| screen.database(database));
    screen.alarms(&status.alarms);
    screen.out
}

struct Screen {
    page: PageFormat,
    now: u64,
    out: String,
}

impl Screen {
    fn line(&mut self, indent: &str, text: &str) {
        let rest = " ".repeat(if indent.is_empty() { 4 } else { 6 });
        let text = self.page.wrap(indent, &rest, text.trim_end());
        let _ = writeln!(self.out, "{text}");
    }

    fn heading(&mut self, address: &str, text: &str) {
        let address = self.page.paint(Tone::Strong, address);
        self.out.push('\n');
        self.line("", &format!("{address}  {text}"));
    }

    /// A word that says by itself how it is; colour repeats it.
    fn word(&self, word: &str) -> String {
        let tone = match word {
            "ACTIVE" | "COMPLETED" | "RUNNING" | "HEALTHY" | "healthy" | "available" | "OK" => Tone::New,
            "FAILED" | "UNHEALTHY" | "unhealthy" | "ALARM" | "MISSING" | "missing" | "INACTIVE" | "failed" => {
                Tone::Gone
            }
            "PRIMARY" | "STOPPED" | "draining" => Tone::Quiet,
            _ => Tone::Changed,
        };
        self.page.paint(tone, word)
    }

    fn headline(&mut self, environment: &str, status: &Status, troubles: &[String]) {
        let headline = match (troubles.len(), status.unread.len()) {
            (0, 0) => self.page.paint(Tone::New, "all is well"),
            (0, unread) => self.page.paint(Tone::Warning, &format!("{} could not be read", count(unread, "part"))),
            (1, _) => self.page.paint(Tone::Gone, "1 problem"),
            (many, _) => self.page.paint(Tone::Gone, &format!("{many} problems")),
        };
        let environment = self.page.paint(Tone::Strong, environment);
        self.line("", &format!("{environment}: {headline}"));
        for trouble in troubles {
            self.line("  ! ", trouble);
        }
        for unread in &status.unread {
            self.line("  ? ", &format!("{} could not be read: {}", unread.what, unread.why));
        }
    }

    fn service(&mut self, service: &ServiceStatus) {
        let state = self.word(&service.status);
        if service.revision.is_empty() {
            return self.heading(&service.address, &state);
        }
        let pending = if service.pending > 0 { format!(", {} starting", service.pending) } else { String::new() };
        let (running, desired) = (service.running, service.desired);
        let text = format!("{state}  {}  {running} of {desired} tasks run{pending}", service.revision);
        self.heading(&service.address, &text);
        for deployment in &service.deployments {
            self.deployment(deployment);
        }
        for task in &service.tasks {
            self.task(task);
        }
        if let Some(event) = &service.event {
            let when = event.at.map(|at| format!(" ({})", ago(at, self.now))).unwrap_or_default();
            let text = self.page.paint(Tone::Quiet, &format!("{}{when}", event.message));
            self.line("  ", &text);
        }
    }

    fn deployment(&mut self, one: &DeploymentStatus) {
        let (status, state) = (self.word(&one.status), one.state.as_deref().map(|state| self.word(state)));
        let mut text = format!("deployment  {status} {}  {}", state.unwrap_or_default(), one.revision);
        let _ = write!(text, "  {} of {} run", one.running, one.desired);
        if one.failed > 0 {
            let _ = write!(text, ", {} failed", one.failed);
        }
        if let Some(at) = one.started_at {
            let _ = write!(text, "  {}", ago(at, self.now));
        }
        // The status line already reports the completion.
        if let Some(reason) = one.reason.as_ref().filter(|_| one.state.as_deref() != Some("COMPLETED")) {
            let _ = write!(text, ": {reason}");
        }
        self.line("  ", &text);
    }

    fn task(&mut self, task: &TaskStatus) {
        let mut text = format!("task {}  {}  {}", cut(&task.id, 8), self.word(&task.status), task.revision);
        if let Some(health) = &task.health {
            let _ = write!(text, "  {}", self.word(health));
        }
        if let Some(digest) = &task.digest {
            let _ = write!(text, "  {}", cut(digest, "sha256:".len() + 12));
        }
        if task.status == "STOPPED" || task.stopped_at.is_some() {
            let when = task.stopped_at.map(|at| format!(" {}", ago(at, self.now))).unwrap_or_default();
            let code = task.exit_code.map(|code| format!(", exit code {code}")).unwrap_or_default();
            let reason = task.stopped_reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            let _ = write!(text, "  ended{when}{code}{reason}");
        } else {
            let zone = task.zone.as_ref().map(|zone| format!("  {zone}")).unwrap_or_default();
            let since = task.started_at.map(|at| format!("  since {}", age(at, self.now))).unwrap_or_default();
            let _ = write!(text, "{zone}{since}");
        }
        self.line("  ", &text);
    }

    fn targets(&mut self, group: &TargetsStatus) {
        let healthy = group.targets.iter().filter(|target| target.state == "healthy").count();
        let text = match group.targets.len() {
            0 => "no targets".to_owned(),
            all => format!("{healthy} of {} healthy", count(all, "target")),
        };
        self.heading(&group.address, &text);
        for target in &group.targets {
            let port = target.port.map(|port| format!(":{port}")).unwrap_or_default();
            let reason = target.reason.as_ref().map(|reason| format!("  {reason}")).unwrap_or_default();
            let text = format!("{}{port}  {}{reason}", target.id, self.word(&target.state));
            self.line("  ", &text);
        }
    }

    fn database(&mut self, database: &DatabaseStatus) {
        let mut text = self.word(&database.status);
        if !database.class.is_empty() {
            let zones = if database.multi_az { "two zones" } else { "one zone" };
            let _ = write!(text, "  {}, {}, {zones}", database.engine, database.class);
        }
        if let Some(storage) = database.storage {
            let _ = write!(text, ", {storage} GiB");
        }
        self.heading(&database.address, &text);
    }

    /// Those that ring one by one, the others by their number.
    fn alarms(&mut self, alarms: &[AlarmStatus]) {
        if alarms.is_empty() {
            return;
        }
        let mut states: BTreeMap<&str, usize> = BTreeMap::new();
        for alarm in alarms {
            *states.entry(&alarm.state).or_default() += 1;
        }
        let states: Vec<String> = states.iter().map(|(state, many)| format!("{many} {}", self.word(state))).collect();
        self.heading("alarms", &states.join(", "));
        for alarm in alarms.iter().filter(|alarm| alarm.is_raised()) {
            let since = alarm.since.map(|at| format!(" since {}", age(at, self.now))).unwrap_or_default();
            let reason = alarm.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            let text = format!("{}  {}{since}{reason}", alarm.address, self.word(&alarm.state));
            self.line("  ", &text);
        }
    }
}

fn cut(text: &str, length: usize) -> &str {
    text.char_indices().nth(length).map_or(text, |(end, _)| &text[..end])
}

/// The age as text: `12 s`, `3 min`, `5 h`, `40 d`.
pub fn age(at: i64, now: u64) -> String {
    let seconds = i64::try_from(now).unwrap_or(i64::MAX).saturating_sub(at).max(0);
    match seconds {
        ..90 => format!("{seconds} s"),
        90..5400 => format!("{} min", seconds / 60),
        5400..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// The same with the word: `3 min ago`.
pub fn ago(at: i64, now: u64) -> String {
    format!("{} ago", age(at, now))
}
