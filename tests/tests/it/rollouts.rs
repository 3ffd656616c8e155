//! Rollouts of the service type, against a scripted ECS endpoint, through the real SDK.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, response::IntoResponse};
use provisioner_aws::ecs::Service;
use provisioner_model::{
    ErrorKind, Phase,
    erased::{Clouds, ResourceRegistry, ResourceType},
    stack::MAIN,
};
use provisioner_tests::aws_at;
use serde_json::{Value, json};

const ID: &str = "c/web";
const REVISION: &str = "arn:aws:ecs:us-east-1:123456789012:task-definition/web:2";

/// `(status, revision, created)` of each; or an error, by its HTTP status and body.
type Listed = Result<Vec<(&'static str, i32, i64)>, (u16, &'static str)>;

/// The scripted responses of the endpoint.
#[derive(Clone)]
struct Script {
    /// Of `DescribeServices`: `(id, status, rollout state, revision, desired, running)`.
    deployments: Vec<(&'static str, &'static str, &'static str, i32, i32, i32)>,
    /// Response of `ListServiceDeployments`.
    listed: Listed,
    /// The states of the targets.
    health: Vec<&'static str>,
    /// Calls that were made.
    calls: BTreeMap<String, usize>,
}

/// Our deployment done, as `DescribeServices` tells it.
fn done() -> Script {
    Script {
        deployments: vec![("ours", "PRIMARY", "COMPLETED", 2, 2, 2)],
        listed: Ok(vec![]),
        health: vec!["healthy", "healthy"],
        calls: BTreeMap::new(),
    }
}

fn listed(listed: &[(&'static str, i32, i64)]) -> Script {
    Script { listed: Ok(listed.to_vec()), ..done() }
}

fn arn(kind: &str, number: i64) -> String {
    format!("arn:aws:ecs:us-east-1:123456789012:{kind}/c/web/{number}")
}

fn revision(number: i32) -> String {
    REVISION.replace(":2", &format!(":{number}"))
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, headers: HeaderMap, body: Bytes) -> axum::response::Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    let mut script = script.lock().unwrap();
    *script.calls.entry(operation.clone()).or_default() += 1;
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let json = match operation.as_str() {
        "DescribeServices" => {
            let deployments = script.deployments.iter().map(|(id, status, state, number, desired, running)| {
                json!({
                    "id": id, "status": status, "rolloutState": state, "taskDefinition": revision(*number),
                    "desiredCount": desired, "runningCount": running, "createdAt": 1000, "rolloutStateReason": "as told",
                })
            });
            json!({ "services": [{
                "serviceName": "web", "serviceArn": arn("service", 0), "clusterArn": "arn:aws:ecs:r:1:cluster/c",
                "status": "ACTIVE", "taskDefinition": REVISION, "desiredCount": 2,
                "deployments": deployments.collect::<Vec<_>>(),
                "loadBalancers": [{ "targetGroupArn": "arn:group", "containerName": "app", "containerPort": 80 }],
            }] })
        }
        "ListServiceDeployments" => match &script.listed {
            Err((status, body)) => {
                let status = axum::http::StatusCode::from_u16(*status).unwrap();
                return (status, [("content-type", "application/x-amz-json-1.1")], *body).into_response();
            }
            // One to a page.
            Ok(listed) => {
                let page: usize = request["nextToken"].as_str().map_or(0, |token| token.parse().unwrap());
                let one = listed.get(page).map(|(status, number, created)| {
                    json!({
                        "serviceDeploymentArn": arn("service-deployment", *created), "status": status,
                        "targetServiceRevisionArn": arn("service-revision", (*number).into()), "createdAt": created,
                    })
                });
                let more = (page + 1 < listed.len()).then(|| (page + 1).to_string());
                json!({ "serviceDeployments": one.into_iter().collect::<Vec<_>>(), "nextToken": more })
            }
        },
        "DescribeServiceRevisions" => {
            let arns = request["serviceRevisionArns"].as_array().unwrap().iter();
            let revisions = arns.map(|arn| {
                let number = arn.as_str().unwrap().rsplit('/').next().unwrap().parse().unwrap();
                json!({ "serviceRevisionArn": arn, "taskDefinition": revision(number) })
            });
            json!({ "serviceRevisions": revisions.collect::<Vec<_>>() })
        }
        "DescribeServiceDeployments" => json!({ "serviceDeployments": [{
            "serviceDeploymentArn": request["serviceDeploymentArns"][0], "statusReason": "the circuit breaker tripped",
            "rollback": { "reason": "tasks failed to start" },
        }] }),
        "ListTasks" if request["desiredStatus"] == "STOPPED" => {
            json!({ "taskArns": ["arn:task/c/t1", "arn:task/c/t2"] })
        }
        "ListTasks" => json!({ "taskArns": [] }),
        "DescribeTasks" => json!({ "tasks": [
            {
                "taskArn": "arn:task/c/t1", "startedBy": "ours", "taskDefinitionArn": REVISION, "lastStatus": "STOPPED",
                "stoppedReason": "Essential container in task exited", "stopCode": "EssentialContainerExited",
                "stoppedAt": 5, "containers": [{ "name": "app", "exitCode": 3, "reason": "it wanted to" }],
            },
            { "taskArn": "arn:task/c/t2", "startedBy": "other", "taskDefinitionArn": revision(1), "stoppedAt": 9 },
        ] }),
        "DescribeTaskDefinition" => json!({ "taskDefinition": { "containerDefinitions": [{
            "name": "app", "logConfiguration": { "logDriver": "awslogs", "options": {
                "awslogs-group": "/app", "awslogs-stream-prefix": "app", "awslogs-region": "us-east-1",
            } },
        }] } }),
        "GetLogEvents" => {
            assert_eq!((&request["logStreamName"], &request["limit"]), (&json!("app/app/t1"), &json!(10)));
            json!({ "events": [{ "message": "DATABASE_HOST is not set\n" }] })
        }
        "" => {
            let member = |state: &&str| {
                format!(
                    "<member><Target><Id>10.0.0.1</Id><Port>80</Port></Target><TargetHealth><State>{state}</State>\
                     <Description>Request timed out</Description></TargetHealth></member>"
                )
            };
            let members: String = script.health.iter().map(member).collect();
            let xml = format!(
                "<DescribeTargetHealthResponse><DescribeTargetHealthResult><TargetHealthDescriptions>{members}\
                 </TargetHealthDescriptions></DescribeTargetHealthResult></DescribeTargetHealthResponse>"
            );
            return ([("content-type", "text/xml")], xml).into_response();
        }
        other => panic!("{other} was called"),
    };
    ([("content-type", "application/x-amz-json-1.1")], json.to_string()).into_response()
}

struct Endpoint {
    script: Arc<Mutex<Script>>,
    clouds: Clouds,
    registry: ResourceRegistry,
}

impl Endpoint {
    async fn new(script: Script) -> Self {
        let script = Arc::new(Mutex::new(script));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(script.clone());
        #[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
        tokio::spawn(async move { axum::serve(listener, app).await });
        let mut clouds = Clouds::default();
        clouds.add(MAIN, aws_at(&url));
        Self { script, clouds, registry: ResourceRegistry::default().with::<Service>() }
    }

    fn resource_type(&self) -> &dyn ResourceType {
        self.registry.get("aws:ecs:service").unwrap()
    }

    fn receipt() -> Value {
        json!({ "deployment": "ours", "task_definition": REVISION, "at": 1000 })
    }

    /// One round of polling.
    async fn poll(&self, window_elapsed: bool) -> provisioner_model::Result<Phase> {
        let round = self.clouds.round();
        let mut found = self.resource_type().read_many(&round, MAIN, vec![ID.to_owned()]).await?;
        let observed = found.remove(ID).unwrap()?;
        let receipt = Self::receipt();
        let followed =
            self.resource_type().poll_rollout(&round, MAIN, observed, Some(&receipt), window_elapsed).await?;
        Ok(followed.expect("a service tells more than one read"))
    }

    fn calls(&self, operation: &str) -> usize {
        self.script.lock().unwrap().calls.get(operation).copied().unwrap_or_default()
    }
}

async fn phase(script: Script, window_elapsed: bool) -> Phase {
    Endpoint::new(script).await.poll(window_elapsed).await.unwrap()
}

fn failed(phase: &Phase) -> &str {
    match phase {
        Phase::Failed { why, remedy: None } => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_status_is_known() {
    let on_its_way = ["PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"];
    for status in on_its_way {
        assert_eq!(phase(listed(&[(status, 2, 1000)]), true).await, Phase::Pending, "{status}");
    }
    for status in ["STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"] {
        let phase = phase(listed(&[(status, 2, 1000)]), true).await;
        let why = failed(&phase);
        assert!(why.contains(status) && why.contains("tripped") && why.contains("failed to start"), "{why}");
    }
    assert_eq!(phase(listed(&[("SUCCESSFUL", 2, 1000)]), false).await, Phase::Ready);
}

#[tokio::test]
async fn success_needs_running_tasks_and_healthy_targets_as_well() {
    let success = listed(&[("SUCCESSFUL", 2, 1000)]);
    let slow = Script { deployments: vec![("ours", "PRIMARY", "IN_PROGRESS", 2, 2, 1)], ..success.clone() };
    assert_eq!(phase(slow, true).await, Phase::Pending);
    for health in [vec!["healthy"], vec!["healthy", "unhealthy"], vec!["initial", "draining"], vec![]] {
        assert_eq!(phase(Script { health, ..success.clone() }, true).await, Phase::Pending);
    }
    // Somebody else's deployment has taken over since.
    let taken = Script { deployments: vec![("theirs", "PRIMARY", "COMPLETED", 3, 2, 2)], ..success };
    assert!(failed(&phase(taken, true).await).contains("taken back"));
}

#[tokio::test]
async fn late_deployment_is_waited_for() {
    let endpoint = Endpoint::new(listed(&[])).await;
    assert_eq!(endpoint.poll(false).await.unwrap(), Phase::Pending);
    // Others' are no answer, and neither is our own revision's of another time.
    for others in [vec![("SUCCESSFUL", 1, 1001)], vec![("SUCCESSFUL", 1, 1001), ("SUCCESSFUL", 2, 900)]] {
        endpoint.script.lock().unwrap().listed = Ok(others);
        assert_eq!(endpoint.poll(true).await.unwrap(), Phase::Pending);
    }
    for (status, phase) in [("IN_PROGRESS", Phase::Pending), ("SUCCESSFUL", Phase::Ready)] {
        endpoint.script.lock().unwrap().listed = Ok(vec![("SUCCESSFUL", 1, 1001), (status, 2, 1002)]);
        assert_eq!(endpoint.poll(true).await.unwrap(), phase);
    }
    assert_eq!(endpoint.calls("DescribeServiceDeployments"), 0, "why is asked only of what failed");
}

#[tokio::test]
async fn rolled_back_deployment_is_never_successful() {
    let back = vec![("back", "PRIMARY", "COMPLETED", 1, 2, 2)];
    let under_way = Script { deployments: back.clone(), ..listed(&[("ROLLBACK_IN_PROGRESS", 2, 1000)]) };
    assert_eq!(phase(under_way, true).await, Phase::Pending);
    let done = Script { deployments: back.clone(), ..listed(&[("ROLLBACK_SUCCESSFUL", 2, 1000)]) };
    assert!(failed(&phase(done, true).await).contains("ROLLBACK_SUCCESSFUL"));
    // By another hand: a deployment of its own, to another revision.
    let theirs = Script { deployments: back, ..listed(&[("SUCCESSFUL", 1, 1005)]) };
    assert!(failed(&phase(theirs, true).await).contains("taken back"));
}

#[tokio::test]
async fn endpoint_without_deployments_is_judged_by_the_service_after_the_consistency_window() {
    assert_eq!(phase(done(), false).await, Phase::Pending);
    assert_eq!(phase(done(), true).await, Phase::Ready);
    for (deployment, ready) in [
        (("ours", "PRIMARY", "COMPLETED", 2, 2, 1), Phase::Pending),
        (("ours", "PRIMARY", "IN_PROGRESS", 2, 2, 2), Phase::Pending),
        (("ours", "ACTIVE", "COMPLETED", 2, 2, 2), Phase::Pending),
    ] {
        assert_eq!(phase(Script { deployments: vec![deployment], ..done() }, true).await, ready, "{deployment:?}");
    }
    assert_eq!(phase(Script { health: vec!["unhealthy"; 2], ..done() }, true).await, Phase::Pending);
    let broken = Script { deployments: vec![("ours", "ACTIVE", "FAILED", 2, 2, 0)], ..done() };
    assert_eq!(failed(&phase(broken, true).await), "as told");
    // Gone from the list: at first that may be a delay.
    let gone = Script { deployments: vec![("back", "PRIMARY", "COMPLETED", 1, 2, 2)], ..done() };
    assert_eq!(phase(gone.clone(), false).await, Phase::Pending);
    assert!(failed(&phase(gone, true).await).contains("taken back"));
}

#[tokio::test]
async fn error_is_never_taken_for_an_empty_list() {
    for (status, body, kind) in [
        (500, "<html>oops</html>", ErrorKind::Unknown),
        (400, r#"{"__type":"UnknownOperationException"}"#, ErrorKind::Refused),
        (400, r#"{"__type":"AccessDeniedException"}"#, ErrorKind::Denied),
    ] {
        let endpoint = Endpoint::new(Script { listed: Err((status, body)), ..done() }).await;
        assert_eq!(endpoint.poll(true).await.unwrap_err().kind, kind, "{body}");
    }
}

#[tokio::test]
async fn failure_names_the_task_and_its_last_log_lines() {
    let endpoint = Endpoint::new(Script { health: vec!["healthy", "unhealthy"], ..done() }).await;
    let (round, receipt) = (endpoint.clouds.round(), Endpoint::receipt());
    let lines = endpoint.resource_type().explain(&round, MAIN, ID, Some(&receipt)).await.unwrap();
    assert_eq!(
        lines,
        [
            "task t1 stopped: Essential container in task exited (EssentialContainerExited)",
            "container app: exit code 3, it wanted to",
            "the last of /app, app/app/t1:",
            "  | DATABASE_HOST is not set",
            "target 10.0.0.1:80 is unhealthy: Request timed out",
        ]
    );
}
