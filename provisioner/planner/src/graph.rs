//! The dependency graph of the resources, derived from their inputs, and its traversal.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::{
    algo::{astar, toposort},
    graphmap::DiGraphMap,
};
use provisioner_model::{
    erased::ResourceType,
    expr::{Expr, edges},
};
use serde_json::Value;

/// The addresses that `inputs` refers to, each once.
pub fn needs(inputs: &Value) -> BTreeSet<String> {
    let mut found = vec![];
    edges(inputs, &mut found);
    found.into_iter().collect()
}

/// The addresses that `inputs` refers to in other fields than those that may dangle.
pub fn firm_needs(resource_type: &dyn ResourceType, inputs: &Value) -> BTreeSet<String> {
    let mut found = vec![];
    for (name, value) in inputs.as_object().into_iter().flatten() {
        if !resource_type.info().fields.iter().any(|field| field.name == name && field.may_dangle) {
            edges(value, &mut found);
        }
    }
    found.into_iter().collect()
}

/// The address of the object that this one is a part of.
pub fn whole(resource_type: &dyn ResourceType, inputs: &Value) -> Option<String> {
    let map = inputs.get(resource_type.info().part_of?)?.as_object()?;
    match Expr::from_map(map) {
        Some(Expr::Ref { address, .. }) => Some(address),
        _ => None,
    }
}

/// The nodes, each after those that it needs; or a loop, as the addresses along it.
pub fn sorted(needs: &BTreeMap<String, BTreeSet<String>>) -> Result<Vec<String>, Vec<String>> {
    let mut graph = Needs::new();
    for node in needs.keys() {
        graph.add_node(node);
    }
    for (node, needed) in needs {
        // Backwards: the search begins with the edge that was added last.
        for need in needed.iter().rev().filter(|need| needs.contains_key(*need)) {
            graph.add_edge(node, need, ());
        }
    }
    match toposort(&graph, None) {
        Ok(order) => Ok(order.into_iter().rev().map(str::to_owned).collect()),
        Err(cycle) => Err(ring(&graph, cycle.node_id())),
    }
}

/// Edges lead from a node to what it needs.
type Needs<'a> = DiGraphMap<&'a str, ()>;

/// Returns the cycle of a node, starting at its first address.
fn ring(graph: &Needs<'_>, node: &str) -> Vec<String> {
    let rollback = |next| astar(graph, next, |end| end == node, |_| 1, |_| 0);
    let mut ring = graph.neighbors(node).find_map(rollback).map(|(_, path)| path).unwrap_or_default();
    let first = ring.iter().enumerate().min_by_key(|(_, address)| **address).map_or(0, |(at, _)| at);
    ring.rotate_left(first);
    ring.extend(ring.first().copied());
    ring.into_iter().map(str::to_owned).collect()
}

/// Everything that can be reached from `from`, itself included.
pub fn closure(from: impl IntoIterator<Item = String>, next: impl Fn(&str) -> Vec<String>) -> BTreeSet<String> {
    let mut todo: Vec<String> = from.into_iter().collect();
    let mut found = BTreeSet::new();
    while let Some(node) = todo.pop() {
        if found.insert(node.clone()) {
            todo.extend(next(&node));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &[&str])]) -> BTreeMap<String, BTreeSet<String>> {
        edges.iter().map(|(n, to)| ((*n).to_owned(), to.iter().map(|t| (*t).to_owned()).collect())).collect()
    }

    #[test]
    fn each_step_comes_after_its_dependencies() {
        let order = sorted(&graph(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])])).unwrap();
        assert_eq!(order, ["c", "b", "a"]);
        // Otherwise by name, and what is not in the graph is left out.
        let order = sorted(&graph(&[("a", &["d", "e", "x"]), ("b", &["d"]), ("d", &[]), ("e", &[])])).unwrap();
        assert_eq!(order, ["d", "e", "a", "b"]);
    }

    #[test]
    fn a_long_chain_does_not_overflow_the_stack() {
        let name = |n: u32| format!("{n:05}");
        let needs = (0..10_000).map(|n| (name(n), BTreeSet::from([name(n + 1)]))).collect();
        assert_eq!(sorted(&needs).unwrap()[0], name(9_999));
    }

    #[test]
    fn a_loop_is_named() {
        let ring = sorted(&graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])])).unwrap_err();
        assert_eq!(ring, ["b", "c", "b"]);
        assert_eq!(sorted(&graph(&[("a", &["a"])])).unwrap_err(), ["a", "a"]);
    }
}
