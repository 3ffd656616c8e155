use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use provisioner_model::erased::{Clouds, Erased, Last};
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
    registry: provisioner_model::erased::Registry,
    made: std::cell::Cell<u32>,
}

impl Bench {
    fn new() -> Self {
        let (cloud, mut clouds) = (Fake::default(), Clouds::default());
        clouds.add("main", cloud.clone());
        Self { cloud, clouds, registry: registry(), made: 0.into() }
    }

    fn kind(&self, of: &str) -> &dyn Erased {
        self.registry.get(of).unwrap()
    }

    fn owner(&self) -> Owner {
        self.made.set(self.made.get() + 1);
        let token = format!("token-{}", self.made.get());
        Owner { lineage: "line".into(), address: format!("at/{}", self.made.get()), token, generation: 1 }
    }

    fn try_make(&self, of: &str, mut inputs: Value) -> Result<Last> {
        let owner = self.owner();
        inputs["tags"] = json!({ "provisioner:token": owner.token });
        let (id, _) = now(self.kind(of).create(&self.clouds, "main", inputs.clone(), &owner))?;
        Ok(Last { id, inputs, outputs: None, owner })
    }

    /// An object that is ready.
    fn make(&self, of: &str, inputs: Value) -> Last {
        let last = self.try_make(of, inputs).unwrap();
        while self.state(of, &last.id) == Some("pending".into()) {}
        last
    }

    fn state(&self, of: &str, id: &str) -> Option<String> {
        let found = now(self.kind(of).read_many(&self.clouds.round(), "main", vec![id.to_owned()])).unwrap();
        Some(found.get(id)?.as_ref().unwrap().outputs["state"].as_str().unwrap().to_owned())
    }

    fn delete(&self, of: &str, last: &Last) -> Result<()> {
        now(self.kind(of).delete(&self.clouds, "main", last.clone()))
    }

    fn update(&self, of: &str, last: &Last, inputs: Value) -> Result<Option<Value>> {
        let seen = provisioner_model::erased::Seen {
            inputs: last.inputs.clone(),
            outputs: json!({ "id": last.id, "state": "ready", "revision": "" }),
        };
        now(self.kind(of).update(&self.clouds, "main", inputs, last.clone(), seen))
    }
}

fn net(bench: &Bench) -> Last {
    bench.make("test:net", json!({ "range": 1 }))
}

#[test]
fn nothing_is_deleted_while_it_is_referred_to() {
    let bench = Bench::new();
    let net = net(&bench);
    let table = bench.make("test:table", json!({ "net": net.id }));
    assert_eq!(bench.delete("test:net", &net).unwrap_err().kind, Kind::InUse);
    assert_eq!(bench.cloud.violations().len(), 1);
    bench.delete("test:table", &table).unwrap();
    bench.delete("test:net", &net).unwrap();
    bench.delete("test:net", &net).unwrap();
    assert_eq!(bench.cloud.objects().len(), 0);
}

#[test]
fn a_route_may_dangle_but_not_be_made_so() {
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
    assert_eq!(bench.update("test:table", &other, routes).unwrap_err().kind, Kind::Refused);
    assert_eq!(bench.cloud.violations().len(), 1);
}

#[test]
fn a_unique_key_is_free_only_once_its_holder_is_gone() {
    let bench = Bench::new();
    let (net, address) = (net(&bench), bench.make("test:address", json!({ "zone": 1, "label": 1 })));
    let inputs = json!({ "net": net.id, "address": address.id, "label": 1 });
    let gate = bench.make("test:gate", inputs.clone());
    assert_eq!(bench.try_make("test:gate", inputs.clone()).unwrap_err().kind, Kind::Exists);
    bench.delete("test:gate", &gate).unwrap();
    assert_eq!(bench.try_make("test:gate", inputs.clone()).unwrap_err().kind, Kind::Exists, "still going");
    while bench.state("test:gate", &gate.id).is_some() {}
    bench.try_make("test:gate", inputs).unwrap();
    assert_eq!(bench.cloud.violations().len(), 2);
}

#[test]
fn what_is_pending_is_of_no_use_yet() {
    let bench = Bench::new();
    let named = bench.try_make("test:named", json!({ "name": "a", "class": 1, "size": 1 })).unwrap();
    let doc = json!({ "family": 1, "text": format!("x+{}", named.id) });
    assert_eq!(bench.try_make("test:doc", doc.clone()).unwrap_err().kind, Kind::Refused);
    while bench.state("test:named", &named.id) == Some("pending".into()) {}
    bench.try_make("test:doc", doc).unwrap();
}

#[test]
fn guards_and_what_only_a_replacement_changes() {
    let bench = Bench::new();
    let named = bench.make("test:named", json!({ "name": "a", "class": 1, "size": 1, "locked": true }));
    assert_eq!(bench.delete("test:named", &named).unwrap_err().kind, Kind::Refused);
    let other = json!({ "name": "a", "class": 2, "size": 1 });
    assert_eq!(bench.update("test:named", &named, other).unwrap_err().kind, Kind::Refused);
    bench.update("test:named", &named, json!({ "name": "a", "class": 1, "size": 2, "locked": false })).unwrap();
    bench.delete("test:named", &named).unwrap();
    assert_eq!(bench.cloud.violations().len(), 2);
}

#[test]
fn a_role_is_used_with_its_policy_only() {
    let bench = Bench::new();
    let net = net(&bench);
    let doc = bench.make("test:doc", json!({ "family": 1, "text": "" }));
    let role = bench.make("test:role", json!({ "name": "r", "path": 1, "label": 1 }));
    let service = json!({ "net": net.id, "doc": format!("{}@1", doc.id), "role": role.id, "count": 1, "note": 1 });
    assert_eq!(bench.try_make("test:service", service.clone()).unwrap_err().kind, Kind::Refused);
    let policy = bench.make("test:role-policy", json!({ "role": role.id, "allows": "all" }));
    bench.try_make("test:service", service).unwrap();
    assert_eq!(bench.delete("test:role-policy", &policy).unwrap_err().kind, Kind::InUse);
}

#[test]
fn faults_come_when_they_are_ordered() {
    let bench = Bench::new();
    bench.cloud.fail_next(1, Kind::Throttled);
    assert_eq!(bench.try_make("test:net", json!({ "range": 1 })).unwrap_err().kind, Kind::Throttled);
    bench.cloud.fail_at(1, Fault::After);
    assert_eq!(bench.try_make("test:net", json!({ "range": 1 })).unwrap_err().kind, Kind::Unknown);
    assert_eq!(bench.cloud.objects().len(), 1);
    let mut owner = bench.owner();
    owner.token = "token-2".into();
    let kind = bench.kind("test:net");
    let found = now(kind.find(&bench.clouds.round(), "main", json!({ "range": 1 }), &owner)).unwrap();
    assert_eq!(found, ["net#1"], "found by its token");
    bench.cloud.fail_at(1, Fault::StopAfter);
    let inputs = json!({ "range": 1, "tags": {} });
    let owner = bench.owner();
    let mut call = kind.create(&bench.clouds, "main", inputs, &owner);
    for _ in 0..10 {
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    now(bench.cloud.stopped());
    assert_eq!((bench.cloud.objects().len(), bench.cloud.count(Call::Create)), (2, 3));
}
