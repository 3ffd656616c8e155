//! ECS deployments that take time, and can fail and be rolled back by the circuit breaker; services that drain before they
//! are inactive.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{last, scaled};
use crate::{faults::protocol::Failure, front::ecs::TARGET, proxy::Message};

/// Seconds on AWS until the tasks of a deployment are healthy, or its circuit breaker opens.
const START: u32 = 180;
/// Seconds on AWS until the old version runs again after a failed deployment.
const ROLLBACK: u32 = 60;
/// Seconds on AWS until the tasks of a deleted service have stopped.
pub(super) const STOP: u32 = 120;

const REASON: &str = "ECS deployment circuit breaker: tasks failed to start.";

#[derive(Default)]
pub(super) struct Deployments {
    /// The service's latest deployment, by the service's name.
    latest: BTreeMap<String, Deployment>,
    /// Deployments that failed, by their ARN: the time at which the old version runs again.
    failed: BTreeMap<String, (Value, Instant)>,
    /// Services that drain, by their name, until a time.
    draining: BTreeMap<String, Instant>,
    next_fails: bool,
}

struct Deployment {
    id: String,
    started: Instant,
    /// The update that brings the old version back; `None` for a deployment that succeeds.
    rollback: Option<Rollback>,
    task_definition: String,
    /// The service deployment, as the endpoint lists it.
    listed: Value,
}

struct Rollback {
    task_definition: String,
    update: Message,
}

impl Deployments {
    pub(super) fn fail_next(&mut self) {
        self.next_fails = true;
    }

    pub(super) fn refusal(&self, operation: &str, request: &Message, now: Instant) -> Option<Failure> {
        let drains = self.draining.values().any(|until| now < *until);
        (operation == "ecs:DeleteCluster" && drains && !request.body().is_empty()).then(|| Failure {
            status: 400,
            code: "ClusterContainsTasksException".to_owned(),
            message: "The Cluster cannot be deleted while Tasks are active.".to_owned(),
        })
    }

    /// Takes the updates that roll back the deployments which have failed by now.
    pub(super) fn rollbacks(&mut self, now: Instant) -> Vec<Message> {
        let mut updates = vec![];
        for deployment in self.latest.values_mut() {
            if now < deployment.started + scaled(START) {
                continue;
            }
            let Some(rollback) = deployment.rollback.take() else { continue };
            let arn = deployment.listed["serviceDeploymentArn"].as_str().unwrap_or_default().to_owned();
            // The next deployment of the same version is another one.
            deployment.id.clear();
            deployment.task_definition = rollback.task_definition;
            self.failed.insert(arn, (deployment.listed.clone(), now + scaled(ROLLBACK)));
            updates.push(rollback.update);
        }
        updates
    }

    /// Returns the endpoint's answer with the progress of the deployments.
    pub(super) fn played(&mut self, operation: &str, request: &Message, answer: Message, now: Instant) -> Message {
        let Some(operation) = operation.strip_prefix("ecs:") else { return answer };
        let Ok(mut body) = serde_json::from_str::<Value>(answer.text()) else { return answer };
        let asked: Value = serde_json::from_str(request.text()).unwrap_or_default();
        let name =
            asked["serviceName"].as_str().or_else(|| asked["service"].as_str()).map(|name| last(name).to_owned());
        match (operation, name) {
            ("CreateService" | "UpdateService", Some(name)) => {
                self.started(name, request, &body["service"], now);
                self.in_progress(&mut body["service"], now);
            }
            ("DeleteService", Some(name)) => {
                self.draining.insert(name, now + scaled(STOP));
                self.in_progress(&mut body["service"], now);
            }
            ("DescribeServices", _) => {
                body["services"].as_array_mut().into_iter().flatten().for_each(|one| self.in_progress(one, now));
            }
            ("ListServiceDeployments", Some(name)) => self.list(&name, &mut body, now),
            ("DescribeServiceDeployments", _) => {
                for one in body["serviceDeployments"].as_array_mut().into_iter().flatten() {
                    self.describe(one, now);
                }
            }
            _ => return answer,
        }
        answer.with(body.to_string())
    }

    fn started(&mut self, name: String, request: &Message, service: &Value, now: Instant) {
        let primary = &service["deployments"][0];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (id, task_definition) = (text(&primary["id"]), text(&service["taskDefinition"]));
        self.draining.remove(&name);
        let before = self.latest.get(&name);
        if id.is_empty() || before.is_some_and(|before| before.id == id) {
            return;
        }
        let old = before.map(|before| before.task_definition.clone()).filter(|_| std::mem::take(&mut self.next_fails));
        self.failed.retain(|_, (failed, _)| !is_of(failed, &name));
        let rollback = old.map(|old| {
            let members = json!({ "cluster": service["clusterArn"], "service": name, "taskDefinition": old });
            let authorization = request.header("authorization").unwrap_or_default();
            let update = Message::json(&format!("{TARGET}UpdateService"), authorization, &members);
            Rollback { task_definition: old, update }
        });
        self.latest.insert(name, Deployment { id, started: now, rollback, task_definition, listed: Value::Null });
    }

    /// Plays the progress of a service's deployment, and of its end.
    fn in_progress(&self, service: &mut Value, now: Instant) {
        let name = service["serviceName"].as_str().unwrap_or_default().to_owned();
        if self.draining.get(&name).is_some_and(|until| now < *until) {
            service["status"] = "DRAINING".into();
        }
        let id = service["deployments"][0]["id"].as_str();
        let is_young = |one: &Deployment| id == Some(&one.id) && one.left(now) > Duration::ZERO;
        if self.latest.get(&name).is_some_and(is_young) {
            let primary = &mut service["deployments"][0];
            primary["rolloutState"] = "IN_PROGRESS".into();
            primary["pendingCount"] = primary["desiredCount"].clone();
            primary["runningCount"] = 0.into();
        }
    }

    /// Plays the list of service deployments, whose first one is the latest.
    fn list(&mut self, name: &str, body: &mut Value, now: Instant) {
        let Some(listed) = body["serviceDeployments"].as_array_mut() else { return };
        if let (Some(latest), Some(first)) = (self.latest.get_mut(name), listed.first_mut())
            && latest.left(now) > Duration::ZERO
        {
            first["status"] = "IN_PROGRESS".into();
            latest.listed = first.clone();
        }
        for (failed, until) in self.failed.values().filter(|(one, _)| is_of(one, name)) {
            let mut failed = failed.clone();
            failed["status"] = rollback_status(now, *until).into();
            failed["statusReason"] = REASON.into();
            listed.insert(0, failed);
        }
    }

    fn describe(&self, deployment: &mut Value, now: Instant) {
        let arn = deployment["serviceDeploymentArn"].as_str().unwrap_or_default();
        if let Some((_, until)) = self.failed.get(arn) {
            deployment["status"] = rollback_status(now, *until).into();
            deployment["statusReason"] = REASON.into();
            deployment["rollback"] = json!({ "reason": REASON });
        }
    }
}

impl Deployment {
    /// Returns the time until the deployment's end.
    fn left(&self, now: Instant) -> Duration {
        (self.started + scaled(START)).saturating_duration_since(now)
    }
}

fn rollback_status(now: Instant, until: Instant) -> &'static str {
    if now < until { "ROLLBACK_IN_PROGRESS" } else { "ROLLBACK_SUCCESSFUL" }
}

fn is_of(deployment: &Value, service: &str) -> bool {
    deployment["serviceArn"].as_str().is_some_and(|arn| last(arn) == service)
}
