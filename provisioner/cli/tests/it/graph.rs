use provisioner_cli::render::graph::{Edges, dot, mermaid, svg};
use provisioner_planner::graph::needs;
use provisioner_testkit::fixture::{address, doc, gate, net, service, stack};

/// The edges of a declared stack.
fn edges() -> Edges {
    let desired = stack(|stack| {
        let logs = stack.add("logs", doc("text"));
        let (main, address) =
            stack.component("network", |stack| (stack.add("main", net(1)), stack.add("a", address(1))));
        stack.component("network", |stack| stack.add("a", gate(&main, &address)));
        stack.component("service", |stack| stack.add("app", service(&main, &logs)));
    });
    desired.resources.iter().map(|(address, declared)| (address.clone(), needs(&declared.inputs))).collect()
}

#[test]
fn three_ways_to_draw_a_graph() {
    insta::assert_snapshot!("dot", dot("dev", &edges()));
    insta::assert_snapshot!("mermaid", mermaid(&edges()));
    let svg = svg(&edges());
    assert_eq!(svg.matches("<g>").count(), 5);
    assert_eq!(svg.matches("<path").count(), 4);
}

#[test]
fn a_loop_ends() {
    let looped: Edges = [("a".into(), ["b".into()].into()), ("b".into(), ["a".into()].into())].into();
    assert_eq!(svg(&looped).matches("<g>").count(), 2);
}
