use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use provisioner_model::erased::{Clouds, RecordedState, ResourceType};
use serde_json::json;

use super::{types::*, *};

/// The cloud waits for nothing but other tasks.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    for _ in 0..100 {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return done;
        }
    }
    panic!("it waits for ever");
}

struct Bench {
    cloud: Fake,
    clouds: Clouds,
    registry: provisioner_model::erased::ResourceRegistry,
    made: std::cell::Cell<u32>,
}

impl Bench {
    fn new() -> Self {
        let (cloud, mut clouds) = (Fake::default(), Clouds::default());
        clouds.add("main", cloud.clone());
        Self { cloud, clouds, registry: registry(), made: 0.into() }
    }

    fn resource_type(&self, of: &str) -> &dyn ResourceType {
        self.registry.get(of).unwrap()
    }

    fn owner(&self) -> Owner {
        self.made.set(self.made.get() + 1);
        let token = format!("token-{}", self.made.get());
        Owner { lineage: "line".into(), address: format!("at/{}", self.made.get()), token, generation: 1 }
    }

    fn try_make(&self, of: &str, mut inputs: Value) -> Result<RecordedState> {
        let owner = self.owner();
        inputs["tags"] = json!({ "provisioner:token": owner.token });
        let (id, _) = now(self.resource_type(of).create(&self.clouds, "main", inputs.clone(), &owner))?;
        Ok(RecordedState { id, inputs, outputs: None, owner })
    }

    /// An object that is ready.
    fn make(&self, of: &str, inputs: Value) -> RecordedState {
        let recorded = self.try_make(of, inputs).unwrap();
        while self.state(of, &recorded.id) == Some("pending".into()) {}
        recorded
    }

    fn state(&self, of: &str, id: &str) -> Option<String> {
        let found = now(self.resource_type(of).read_many(&self.clouds.round(), "main", vec![id.to_owned()])).unwrap();
        Some(found.get(id)?.as_ref().unwrap().outputs["state"].as_str().unwrap().to_owned())
    }

    fn delete(&self, of: &str, recorded: &RecordedState) -> Result<()> {
        now(self.resource_type(of).delete(&self.clouds, "main", recorded.clone()))
    }

    fn update(&self, of: &str, recorded: &RecordedState, inputs: Value) -> Result<Option<Value>> {
        let observed = provisioner_model::erased::ObservedState {
            inputs: recorded.inputs.clone(),
            outputs: json!({ "id": recorded.id, "state": "ready", "revision": "" }),
        };
        now(self.resource_type(of).update(&self.clouds, "main", inputs, recorded.clone(), observed))
    }
}

fn net(bench: &Bench) -> RecordedState {
    bench.make("test:net", json!({ "range": 1 }))
}

#[test]
fn nothing_is_deleted_while_it_is_referred_to() {
    let bench = Bench::new();
    let net = net(&bench);
    let table = bench.make("test:table", json!({ "net": net.id }));
    assert_eq!(bench.delete("test:net", &net).unwrap_err().kind, ErrorKind::InUse);
    assert_eq!(bench.cloud.violations().len(), 1);
    bench.delete("test:table", &table).unwrap();
    bench.delete("test:net", &net).unwrap();
    bench.delete("test:net", &net).unwrap();
    assert_eq!(bench.cloud.objects().len(), 0);
}

#[test]
fn route_may_dangle_but_is_not_created_dangling() {
    let bench = Bench::new();
    let (net, address) = (net(&bench), bench.make("test:address", json!({ "zone": 1, "label": 1 })));
    let gate = bench.make("test:gate", json!({ "net": net.id, "address": address.id, "label": 1 }));
    let routes = json!({ "net": net.id, "routes": [gate.id] });
    let table = bench.make("test:table", json!({ "net": net.id }));
    bench.update("test:table", &table, routes.clone()).unwrap();
    bench.delete("test:gate", &gate).unwrap();
    while bench.state("test:gate", &gate.id).is_some() {}
    // What dangles may stay, and other fields change.
    bench.update("test:table", &table, json!({ "net": net.id, "routes": [gate.id], "tags": { "b": "c" } })).unwrap();
    assert!(bench.cloud.violations().is_empty());
    let other = bench.make("test:table", json!({ "net": net.id }));
    assert_eq!(bench.update("test:table", &other, routes).unwrap_err().kind, ErrorKind::Refused);
    assert_eq!(bench.cloud.violations().len(), 1);
}

#[test]
fn unique_key_is_free_only_after_its_holder_is_deleted() {
    let bench = Bench::new();
    let (net, address) = (net(&bench), bench.make("test:address", json!({ "zone": 1, "label": 1 })));
    let inputs = json!({ "net": net.id, "address": address.id, "label": 1 });
    let gate = bench.make("test:gate", inputs.clone());
    assert_eq!(bench.try_make("test:gate", inputs.clone()).unwrap_err().kind, ErrorKind::Exists);
    bench.delete("test:gate", &gate).unwrap();
    assert_eq!(bench.try_make("test:gate", inputs.clone()).unwrap_err().kind, ErrorKind::Exists, "still going");
    while bench.state("test:gate", &gate.id).is_some() {}
    bench.try_make("test:gate", inputs).unwrap();
    assert_eq!(bench.cloud.violations().len(), 2);
}

#[test]
fn pending_objects_cannot_be_used() {
    let bench = Bench::new();
    let named = bench.try_make("test:named", json!({ "name": "a", "class": 1, "size": 1 })).unwrap();
    let doc = json!({ "family": 1, "text": format!("x+{}", named.id) });
    assert_eq!(bench.try_make("test:doc", doc.clone()).unwrap_err().kind, ErrorKind::Refused);
    while bench.state("test:named", &named.id) == Some("pending".into()) {}
    bench.try_make("test:doc", doc).unwrap();
}

#[test]
fn deletion_protection_and_replacements() {
    let bench = Bench::new();
    let named = bench.make("test:named", json!({ "name": "a", "class": 1, "size": 1, "locked": true }));
    assert_eq!(bench.delete("test:named", &named).unwrap_err().kind, ErrorKind::Refused);
    let other = json!({ "name": "a", "class": 2, "size": 1 });
    assert_eq!(bench.update("test:named", &named, other).unwrap_err().kind, ErrorKind::Refused);
    bench.update("test:named", &named, json!({ "name": "a", "class": 1, "size": 2, "locked": false })).unwrap();
    bench.delete("test:named", &named).unwrap();
    assert_eq!(bench.cloud.violations().len(), 2);
}

#[test]
fn role_is_used_only_after_its_policy() {
    let bench = Bench::new();
    let net = net(&bench);
    let doc = bench.make("test:doc", json!({ "family": 1, "text": "" }));
    let role = bench.make("test:role", json!({ "name": "r", "path": 1, "label": 1 }));
    let service = json!({ "net": net.id, "doc": format!("{}@1", doc.id), "role": role.id, "count": 1, "note": 1 });
    assert_eq!(bench.try_make("test:service", service.clone()).unwrap_err().kind, ErrorKind::Refused);
    let policy = bench.make("test:role-policy", json!({ "role": role.id, "allows": "all" }));
    bench.try_make("test:service", service).unwrap();
    assert_eq!(bench.delete("test:role-policy", &policy).unwrap_err().kind, ErrorKind::InUse);
}

#[test]
fn faults_occur_when_scheduled() {
    let bench = Bench::new();
    bench.cloud.fail_next(1, ErrorKind::Throttled);
    assert_eq!(bench.try_make("test:net", json!({ "range": 1 })).unwrap_err().kind, ErrorKind::Throttled);
    bench.cloud.fail_at(1, Fault::After);
    assert_eq!(bench.try_make("test:net", json!({ "range": 1 })).unwrap_err().kind, ErrorKind::Unknown);
    assert_eq!(bench.cloud.objects().len(), 1);
    let mut owner = bench.owner();
    owner.token = "token-2".into();
    let resource_type = bench.resource_type("test:net");
    let found = now(resource_type.find_by_token(&bench.clouds.round(), "main", json!({ "range": 1 }), &owner)).unwrap();
    assert_eq!(found, ["net#1"], "found by its token");
    bench.cloud.fail_at(1, Fault::StopAfter);
    let inputs = json!({ "range": 1, "tags": {} });
    let owner = bench.owner();
    let mut call = resource_type.create(&bench.clouds, "main", inputs, &owner);
    for _ in 0..10 {
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    now(bench.cloud.stopped());
    assert_eq!((bench.cloud.objects().len(), bench.cloud.count(Call::Create)), (2, 3));
}

#[test]
fn new_objects_are_visible_late() {
    let bench = Bench::new();
    bench.cloud.lag(Lag { reads: 2, uses: 1, kind: Some(ErrorKind::Denied) });
    let net = bench.try_make("test:net", json!({ "range": 1 })).unwrap();
    let read = || now(bench.resource_type("test:net").read_many(&bench.clouds.round(), "main", vec![net.id.clone()]));
    assert!(read().unwrap().is_empty());
    assert_eq!(read().unwrap()[&net.id].as_ref().unwrap_err().kind, ErrorKind::Gone);
    read().unwrap()[&net.id].as_ref().unwrap();
    let table = || bench.try_make("test:table", json!({ "net": net.id }));
    assert_eq!(table().unwrap_err().kind, ErrorKind::Denied);
    table().unwrap();
    assert!(bench.cloud.violations().is_empty());
}

#[test]
fn stale_update_is_refused() {
    let bench = Bench::new();
    let net = net(&bench);
    let resource_type = bench.resource_type("test:net");
    let stale = now(resource_type.read_many(&bench.clouds.round(), "main", vec![net.id.clone()])).unwrap();
    bench.update("test:net", &net, json!({ "range": 1, "label": 2 })).unwrap();
    let observed = stale[&net.id].as_ref().unwrap().clone();
    let desired = json!({ "range": 1, "label": 3 });
    let refused = now(resource_type.update(&bench.clouds, "main", desired, net, observed)).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Busy);
}
