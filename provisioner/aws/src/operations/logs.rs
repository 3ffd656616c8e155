//! The output of a service's tasks, from the log groups of its task definition, in chronological order.

use std::collections::{BTreeMap, VecDeque};

use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use aws_sdk_ecs::types::{LogDriver, TaskDefinition};
use aws_smithy_types::{DateTime, date_time::Format};
use provisioner_model::{
    error::{Error, ErrorKind, Result},
    resource::Cloud,
};

use super::objects::{At, parts};
use crate::{
    cloud::{Aws, Clients},
    error::{api, need},
};

/// Lines may arrive this much later than they were written, so that a look goes back so far; in milliseconds.
const LATE: i64 = 30_000;

/// A line that a task wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Time in milliseconds since 1970.
    pub at: i64,
    /// ID of the task.
    pub task: String,
    /// Name of the container.
    pub container: String,
    /// Text of the line.
    pub text: String,
}

/// The log streams with a container's lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogSource {
    pub(super) group: String,
    /// `PREFIX/CONTAINER/`, and the task's id after it where it is about one.
    pub(super) streams: Option<String>,
}

/// A log that is read on and on.
pub struct Tail<'a> {
    aws: &'a Aws,
    pattern: Option<String>,
    sources: Vec<Reading>,
}

/// The reading position in a source.
struct Reading {
    source: LogSource,
    since: i64,
    /// The next page of this look.
    next: PageCursor,
    read: VecDeque<Line>,
    /// Lines that were given out and may come again, with their times.
    given: BTreeMap<String, i64>,
}

enum PageCursor {
    First,
    Next(String),
    Last,
}

impl<'a> Tail<'a> {
    /// The log of a service's tasks, from `since` on, in milliseconds since 1970. `pattern` is CloudWatch's.
    pub async fn of(aws: &'a Aws, service: &At, since: i64, pattern: Option<String>) -> Result<Self> {
        let definition = definition(&aws.reader(), service).await?;
        let sources = sources(&definition);
        if sources.is_empty() {
            let why = "no container of the task definition writes to CloudWatch Logs (its log driver is not `awslogs`)";
            return Err(Error::because(ErrorKind::Refused, DESCRIBE, why));
        }
        Ok(Self::new(aws, sources, since, pattern))
    }

    pub(super) fn new(aws: &'a Aws, sources: Vec<LogSource>, since: i64, pattern: Option<String>) -> Self {
        let reading =
            |source| Reading { source, since, next: PageCursor::First, read: VecDeque::new(), given: BTreeMap::new() };
        Self { aws, pattern, sources: sources.into_iter().map(reading).collect() }
    }

    /// Returns the next lines in chronological order; empty if all current lines have been read. The next call then
    /// reads again, but only as far back as lines may arrive late. `now` is in seconds since 1970.
    pub async fn next(&mut self, now: u64) -> Result<Vec<Line>> {
        let reader = self.aws.reader();
        for reading in &mut self.sources {
            while reading.read.is_empty() && reading.more() {
                reading.page(&reader, self.pattern.as_deref()).await?;
            }
        }
        // What a line of another source's next page may still precede waits for that page.
        let unfinished = self.sources.iter().filter(|one| one.more());
        let until = unfinished.filter_map(|one| one.read.back()).map(|line| line.at).min();
        let mut lines = vec![];
        for reading in &mut self.sources {
            while reading.read.front().is_some_and(|line| until.is_none_or(|until| line.at <= until)) {
                lines.extend(reading.read.pop_front());
            }
        }
        lines.sort_by_key(|line| line.at);
        if lines.is_empty() {
            let now = i64::try_from(now).unwrap_or(i64::MAX).saturating_mul(1000);
            self.sources.iter_mut().for_each(|reading| reading.again(now));
        }
        Ok(lines)
    }
}

impl Reading {
    fn more(&self) -> bool {
        !matches!(self.next, PageCursor::Last)
    }

    /// From the beginning of what may not be whole yet, by this machine's clock or by that of the lines.
    fn again(&mut self, now: i64) {
        let newest = self.given.values().max().copied().unwrap_or_default();
        self.since = self.since.max(newest.max(now.saturating_sub(LATE)).saturating_sub(LATE));
        self.next = PageCursor::First;
    }

    async fn page(&mut self, c: &Clients, pattern: Option<&str>) -> Result<()> {
        let token = match &self.next {
            PageCursor::Next(token) => Some(token.clone()),
            PageCursor::First | PageCursor::Last => None,
        };
        let request = c.logs().filter_log_events().log_group_name(&self.source.group).start_time(self.since);
        let request = request.set_log_stream_name_prefix(self.source.streams.clone());
        let request = request.set_filter_pattern(pattern.map(str::to_owned)).set_next_token(token);
        let answer = request.send().await.map_err(api("logs:FilterLogEvents"))?;
        for event in answer.events() {
            let id = event.event_id().unwrap_or_default().to_owned();
            if self.given.insert(id, event.timestamp().unwrap_or_default()).is_none() {
                self.read.push_back(line(event));
            }
        }
        // Of a long log, only what a later look may bring again is kept.
        let newest = self.given.values().max().copied().unwrap_or_default();
        self.given.retain(|_, at| *at >= newest.saturating_sub(2 * LATE));
        self.next = answer.next_token.map_or(PageCursor::Last, PageCursor::Next);
        Ok(())
    }
}

/// A time as RFC 3339 writes it, in milliseconds since 1970.
pub fn instant(text: &str) -> Option<i64> {
    DateTime::from_str(text, Format::DateTimeWithOffset).ok()?.to_millis().ok()
}

/// A stream's name is `PREFIX/CONTAINER/TASK`.
fn line(event: &FilteredLogEvent) -> Line {
    let mut names = event.log_stream_name().unwrap_or_default().rsplit('/');
    let task = names.next().unwrap_or_default().to_owned();
    Line {
        at: event.timestamp().unwrap_or_default(),
        task,
        container: names.next().unwrap_or_default().to_owned(),
        text: event.message().unwrap_or_default().trim_end_matches('\n').to_owned(),
    }
}

const DESCRIBE: &str = "ecs:DescribeTaskDefinition";

/// The task definition that a service runs.
async fn definition(c: &Clients, service: &At) -> Result<TaskDefinition> {
    let (cluster, name) = parts(&service.id);
    let answer = c.ecs().describe_services().cluster(cluster).services(name).send().await;
    let answer = answer.map_err(api("ecs:DescribeServices"))?;
    let observed = answer.services().first().and_then(|observed| observed.task_definition());
    let Some(arn) = observed else { return Err(missing(service)) };
    describe(c, arn).await
}

/// AWS does not know a service that the state knows.
pub(super) fn missing(service: &At) -> Error {
    let why = format!("AWS has no service {}", service.id);
    Error::because(ErrorKind::Gone, "ecs:DescribeServices", why)
}

pub(super) async fn describe(c: &Clients, arn: &str) -> Result<TaskDefinition> {
    let answer = c.ecs().describe_task_definition().task_definition(arn).send().await.map_err(api(DESCRIBE))?;
    need(DESCRIBE, answer.task_definition(), "taskDefinition")
}

/// Returns the log sources of the containers.
pub(super) fn sources(definition: &TaskDefinition) -> Vec<LogSource> {
    let mut all = vec![];
    for container in definition.container_definitions() {
        let log = container.log_configuration().filter(|log| *log.log_driver() == LogDriver::Awslogs);
        let option = |name| log.and_then(|log| log.options()).and_then(|options| options.get(name));
        let Some(group) = option("awslogs-group") else { continue };
        let prefix = option("awslogs-stream-prefix").zip(container.name());
        let streams = prefix.map(|(prefix, container)| format!("{prefix}/{container}/"));
        let source = LogSource { group: group.clone(), streams };
        // Containers without a prefix may share a group.
        if !all.contains(&source) {
            all.push(source);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_line_names_its_task() {
        let event = FilteredLogEvent::builder().log_stream_name("app/web/0123").message("hello\n").timestamp(5).build();
        let expected = Line { at: 5, task: "0123".into(), container: "web".into(), text: "hello".into() };
        assert_eq!(line(&event), expected);
        assert_eq!(line(&FilteredLogEvent::builder().log_stream_name("odd").build()).task, "odd");
    }
}
