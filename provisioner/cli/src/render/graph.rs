//! The graph of a stack: as DOT, as Mermaid, and drawn as SVG.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use provisioner_planner::graph::sorted;

/// The dependencies: each address with those that it needs.
pub type Edges = BTreeMap<String, BTreeSet<String>>;

/// For Graphviz; components are boxes.
pub fn dot(name: &str, edges: &Edges) -> String {
    let mut out = format!("digraph \"{name}\" {{\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (index, (component, members)) in components(edges).into_iter().enumerate() {
        if component.is_empty() {
            for address in members {
                let _ = writeln!(out, "  \"{address}\";");
            }
            continue;
        }
        let _ = writeln!(out, "  subgraph cluster_{index} {{\n    label=\"{component}\";");
        for address in members {
            let _ = writeln!(out, "    \"{address}\" [label=\"{}\"];", inside(address));
        }
        out.push_str("  }\n");
    }
    for (address, needs) in edges {
        for need in needs {
            let _ = writeln!(out, "  \"{address}\" -> \"{need}\";");
        }
    }
    out.push_str("}\n");
    out
}

/// For Markdown that draws Mermaid.
pub fn mermaid(edges: &Edges) -> String {
    let number: BTreeMap<&str, usize> = edges.keys().enumerate().map(|(n, address)| (address.as_str(), n)).collect();
    let mut out = "flowchart LR\n".to_owned();
    for (component, members) in components(edges) {
        let indent = if component.is_empty() { "  " } else { "    " };
        if !component.is_empty() {
            let _ = writeln!(out, "  subgraph {component}");
        }
        for address in members {
            let _ = writeln!(out, "{indent}n{}[\"{}\"]", number[address], inside(address));
        }
        if !component.is_empty() {
            out.push_str("  end\n");
        }
    }
    for (address, needs) in edges {
        for need in needs.iter().filter_map(|need| number.get(need.as_str())) {
            let _ = writeln!(out, "  n{} --> n{need}", number[address.as_str()]);
        }
    }
    out
}

/// Drawn: what needs nothing on the left, each resource right of all that it needs.
pub fn svg(edges: &Edges) -> String {
    const ROW: usize = 34;
    const GAP: usize = 90;
    const CHARACTER: usize = 7;
    const MARGIN: usize = 20;
    let columns = layers(edges);
    let width = |column: &[&str]| column.iter().map(|address| address.len() * CHARACTER + 16).max().unwrap_or(0);
    let tallest = columns.iter().map(Vec::len).max().unwrap_or(0);
    let mut places: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
    let mut x = MARGIN;
    for column in &columns {
        let top = MARGIN + (tallest - column.len()) * ROW / 2;
        for (row, address) in column.iter().enumerate() {
            places.insert(address, (x, top + row * ROW, width(column)));
        }
        x += width(column) + GAP;
    }
    let (total, height) = ((x + MARGIN).saturating_sub(GAP), tallest * ROW + 2 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{total}\" height=\"{height}\" viewBox=\"0 0 {total} {height}\" \
         font-family=\"monospace\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    for (address, needs) in edges {
        let Some(&(to_x, to_y, _)) = places.get(address.as_str()) else { continue };
        for &(from_x, from_y, from_width) in needs.iter().filter_map(|need| places.get(need.as_str())) {
            let (from_x, from_y, to_y) = (from_x + from_width, from_y + 12, to_y + 12);
            let middle = usize::midpoint(from_x, to_x);
            let _ = writeln!(
                out,
                "<path d=\"M{from_x} {from_y} C{middle} {from_y} {middle} {to_y} {to_x} {to_y}\" fill=\"none\" stroke=\"#8c959f\"/>"
            );
        }
    }
    for (address, (x, y, width)) in &places {
        let (text_x, text_y) = (x + 8, y + 16);
        let _ = writeln!(
            out,
            "<g><title>{address}</title><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"24\" rx=\"4\" fill=\"#f6f8fa\" \
             stroke=\"#57606a\"/><text x=\"{text_x}\" y=\"{text_y}\" fill=\"#1f2328\">{address}</text></g>"
        );
    }
    out.push_str("</svg>\n");
    out
}

/// Each resource one column right of the last that it needs; in a column, near those that it needs.
fn layers(edges: &Edges) -> Vec<Vec<&str>> {
    // A graph with a cycle is drawn as well: the plan names the cycle.
    let order = sorted(edges).unwrap_or_else(|_| edges.keys().cloned().collect());
    let mut depth: BTreeMap<&str, usize> = BTreeMap::new();
    for (address, needs) in order.iter().filter_map(|address| edges.get_key_value(address)) {
        let deepest = needs.iter().filter_map(|need| depth.get(need.as_str())).max();
        depth.insert(address, deepest.map_or(0, |deepest| deepest + 1));
    }
    let mut columns: Vec<Vec<&str>> = vec![vec![]; depth.values().max().map_or(0, |deepest| deepest + 1)];
    for (address, depth) in &depth {
        columns[*depth].push(address);
    }
    let mut row: BTreeMap<&str, usize> = BTreeMap::new();
    for column in &mut columns {
        column.sort_by_key(|address| {
            let rows: Vec<usize> = edges[*address].iter().filter_map(|need| row.get(need.as_str()).copied()).collect();
            (rows.iter().sum::<usize>() * 100).checked_div(rows.len()).unwrap_or(0)
        });
        row.extend(column.iter().enumerate().map(|(n, address)| (*address, n)));
    }
    columns
}

/// The addresses of each component, by the first part of their path.
fn components(edges: &Edges) -> BTreeMap<&str, Vec<&str>> {
    let mut out: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for address in edges.keys() {
        let component = if address.matches('/').count() >= 2 { address.split('/').next().unwrap_or("") } else { "" };
        out.entry(component).or_default().push(address);
    }
    out
}

fn inside(address: &str) -> &str {
    match address.matches('/').count() {
        0 | 1 => address,
        _ => address.split_once('/').map_or(address, |(_, rest)| rest),
    }
}
