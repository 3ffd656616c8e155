//! The status of a stack: its services with deployments and tasks, the health behind its load balancers, its alarms and
//! databases, in few calls. A failed read does not affect the rest.

mod read;

use serde::Serialize;

pub use self::read::status;
pub(super) use self::read::stopped_reason;

/// The status of a stack.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Status {
    /// Status of the ECS services.
    pub services: Vec<ServiceStatus>,
    /// Status of the target groups.
    pub targets: Vec<TargetsStatus>,
    /// Status of the databases.
    pub databases: Vec<DatabaseStatus>,
    /// Status of the alarms.
    pub alarms: Vec<AlarmStatus>,
    /// Parts that could not be read.
    pub unread: Vec<Unread>,
}

/// The status of a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ServiceStatus {
    /// Address of the resource.
    pub address: String,
    /// Name of the cluster.
    pub cluster: String,
    /// Name of the service.
    pub name: String,
    /// `ACTIVE`, `DRAINING`, `INACTIVE`; `MISSING` where AWS does not know it.
    pub status: String,
    /// Current revision, such as `app:5`.
    pub revision: String,
    /// The newest revision that the stack has made, where that is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<String>,
    /// So many tasks are wanted.
    pub desired: i32,
    /// Number of running tasks.
    pub running: i32,
    /// So many are on their way.
    pub pending: i32,
    /// The primary one first.
    pub deployments: Vec<DeploymentStatus>,
    /// Those that run or start, then those that ended last.
    pub tasks: Vec<TaskStatus>,
    /// The latest event of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<ServiceEvent>,
}

/// A deployment of a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DeploymentStatus {
    /// ID of the form `ecs-svc/…`.
    pub id: String,
    /// `PRIMARY`, `ACTIVE` or `INACTIVE`.
    pub status: String,
    /// `COMPLETED`, `IN_PROGRESS` or `FAILED`.
    pub state: Option<String>,
    /// Reason for the state.
    pub reason: Option<String>,
    /// Revision of the deployment.
    pub revision: String,
    /// So many tasks are wanted.
    pub desired: i32,
    /// Number of running tasks.
    pub running: i32,
    /// So many did not start.
    pub failed: i32,
    /// Start time in seconds since 1970.
    pub started_at: Option<i64>,
}

/// A task of a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TaskStatus {
    /// The last part of its ARN.
    pub id: String,
    /// Revision of the task.
    pub revision: String,
    /// `PROVISIONING`, `PENDING`, `RUNNING`, … `STOPPED`.
    pub status: String,
    /// By the container's own check: `HEALTHY`, `UNHEALTHY`, `UNKNOWN`.
    pub health: Option<String>,
    /// Of the image that really runs.
    pub digest: Option<String>,
    /// Availability zone of the task.
    pub zone: Option<String>,
    /// Start time in seconds since 1970.
    pub started_at: Option<i64>,
    /// Seconds since 1970, once it ended.
    pub stopped_at: Option<i64>,
    /// Reason for the end.
    pub stopped_reason: Option<String>,
    /// With what its first container ended.
    pub exit_code: Option<i32>,
}

/// An event of a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ServiceEvent {
    /// Time in seconds since 1970.
    pub at: Option<i64>,
    /// Text of the event.
    pub message: String,
}

/// The status of a target group.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TargetsStatus {
    /// Address of the resource.
    pub address: String,
    /// Status of each target.
    pub targets: Vec<TargetStatus>,
}

/// The status of a target.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TargetStatus {
    /// An address, an instance, a function.
    pub id: String,
    /// Port of the target.
    pub port: Option<i32>,
    /// `healthy`, `unhealthy`, `initial`, `draining`, `unused`, `unavailable`.
    pub state: String,
    /// Reason for an unhealthy target.
    pub reason: Option<String>,
}

/// The status of a database.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DatabaseStatus {
    /// Address of the resource.
    pub address: String,
    /// Name of the database instance.
    pub name: String,
    /// `available`, `modifying`, `backing-up`, …; `missing` where AWS does not know it.
    pub status: String,
    /// Engine and version, such as `postgres 17.5`.
    pub engine: String,
    /// Instance class, such as `db.t4g.micro`.
    pub class: String,
    /// Storage size in GiB.
    pub storage: Option<i32>,
    /// `true` if another zone has a copy.
    pub multi_az: bool,
}

/// The status of an alarm.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AlarmStatus {
    /// Address of the resource.
    pub address: String,
    /// Name of the alarm.
    pub name: String,
    /// `OK`, `ALARM`, `INSUFFICIENT_DATA`; `MISSING` where AWS does not know it.
    pub state: String,
    /// Reason for the state.
    pub reason: Option<String>,
    /// Since when: seconds since 1970.
    pub since: Option<i64>,
}

/// A part that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// Name of the part, such as `tasks` or `alarms`.
    pub what: String,
    /// Reason for the failed read.
    pub why: String,
}

impl Status {
    /// Returns the problems as text; empty if there are none.
    pub fn troubles(&self) -> Vec<String> {
        let mut all = vec![];
        for service in &self.services {
            service.troubles(&mut all);
        }
        for group in &self.targets {
            for target in group.targets.iter().filter(|target| !matches!(&*target.state, "healthy" | "draining")) {
                all.push(format!("{}: {} is {}", group.address, target.id, target.state));
            }
        }
        for database in self.databases.iter().filter(|database| !database.is_well()) {
            all.push(format!("{}: {}", database.address, database.status));
        }
        all.extend(self.alarms.iter().filter(|alarm| alarm.is_raised()).map(|a| format!("{}: {}", a.address, a.state)));
        all
    }
}

impl ServiceStatus {
    fn troubles(&self, all: &mut Vec<String>) {
        let mut say = |what: String| all.push(format!("{}: {what}", self.address));
        if self.status != "ACTIVE" {
            return say(self.status.clone());
        }
        // More than are wanted run during a deployment.
        if self.running < self.desired {
            say(format!("{} of {} tasks run", self.running, self.desired));
        }
        let primary = self.deployments.iter().find(|deployment| deployment.status == "PRIMARY");
        if let Some(state) = primary.and_then(|one| one.state.as_deref()).filter(|state| *state != "COMPLETED") {
            say(format!("the deployment of {} is {state}", self.revision));
        }
        if let Some(newest) = &self.newest {
            say(format!("runs {}, and the newest revision of this stack is {newest}", self.revision));
        }
        for task in self.tasks.iter().filter(|task| task.health.as_deref() == Some("UNHEALTHY")) {
            say(format!("task {} is UNHEALTHY", task.id));
        }
    }
}

impl DatabaseStatus {
    /// Returns whether it answers.
    pub fn is_well(&self) -> bool {
        matches!(&*self.status, "available" | "backing-up" | "storage-optimization" | "configuring-enhanced-monitoring")
    }
}

impl AlarmStatus {
    /// Returns whether somebody has to look.
    pub fn is_raised(&self) -> bool {
        matches!(&*self.state, "ALARM" | "MISSING")
    }
}
