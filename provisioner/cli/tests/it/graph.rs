use provisioner_cli::render::graph::{Edges, dot, mermaid, svg};

fn edges() -> Edges {
    let edge = |address: &str, needs: &[&str]| (address.to_owned(), needs.iter().map(|s| (*s).to_owned()).collect());
    [
        edge("network/vpc/main", &[]),
        edge("network/subnet/a", &["network/vpc/main"]),
        edge("bucket/logs", &[]),
        edge("service/task/app", &["network/subnet/a", "bucket/logs"]),
    ]
    .into()
}

#[test]
fn three_ways_to_draw_a_graph() {
    insta::assert_snapshot!("dot", dot("dev", &edges()));
    insta::assert_snapshot!("mermaid", mermaid(&edges()));
    let svg = svg(&edges());
    assert_eq!(svg.matches("<g>").count(), 4);
    assert_eq!(svg.matches("<path").count(), 3);
}

#[test]
fn a_loop_ends() {
    let looped: Edges = [("a".into(), ["b".into()].into()), ("b".into(), ["a".into()].into())].into();
    assert_eq!(svg(&looped).matches("<g>").count(), 2);
}
