//! Which resource needs which: read off the inputs, and walked.

use std::collections::{BTreeMap, BTreeSet};

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
        if !resource_type.fields().iter().any(|field| field.name == name && field.may_dangle) {
            edges(value, &mut found);
        }
    }
    found.into_iter().collect()
}

/// The address of the object that this one is a part of.
pub fn whole(resource_type: &dyn ResourceType, inputs: &Value) -> Option<String> {
    let map = inputs.get(resource_type.part_of()?)?.as_object()?;
    match Expr::from_map(map) {
        Some(Expr::Ref { address, .. }) => Some(address),
        _ => None,
    }
}

/// The nodes, each after those that it needs; or a loop, as the addresses along it.
pub fn sorted(needs: &BTreeMap<String, BTreeSet<String>>) -> Result<Vec<String>, Vec<String>> {
    let mut done = BTreeSet::new();
    let mut order = Vec::with_capacity(needs.len());
    for start in needs.keys() {
        visit(start, needs, &mut done, &mut order)?;
    }
    Ok(order)
}

// With a stack of its own: a chain of ten thousand resources must not overflow the machine's.
fn visit(
    start: &String,
    needs: &BTreeMap<String, BTreeSet<String>>,
    done: &mut BTreeSet<String>,
    order: &mut Vec<String>,
) -> Result<(), Vec<String>> {
    let none = BTreeSet::new();
    let mut path: Vec<(&String, std::collections::btree_set::Iter<'_, String>)> = vec![];
    let mut on_path = BTreeSet::new();
    if !done.contains(start) {
        path.push((start, needs.get(start).unwrap_or(&none).iter()));
        on_path.insert(start);
    }
    while let Some((node, rest)) = path.last_mut() {
        match rest.next() {
            Some(next) if on_path.contains(next) => {
                let from = path.iter().position(|(node, _)| *node == next).unwrap_or(0);
                let mut ring: Vec<String> = path[from..].iter().map(|(node, _)| (*node).clone()).collect();
                ring.push(next.clone());
                return Err(ring);
            }
            Some(next) if needs.contains_key(next) && !done.contains(next) => {
                on_path.insert(next);
                path.push((next, needs.get(next).unwrap_or(&none).iter()));
            }
            Some(_) => {}
            None => {
                on_path.remove(*node);
                done.insert((*node).clone());
                order.push((*node).clone());
                path.pop();
            }
        }
    }
    Ok(())
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
    }

    #[test]
    fn a_loop_is_named() {
        let ring = sorted(&graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])])).unwrap_err();
        assert_eq!(ring, ["b", "c", "b"]);
    }
}
