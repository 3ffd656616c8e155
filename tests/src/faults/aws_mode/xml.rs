//! The state of one object in an XML answer.

/// Returns an answer with another state for an object: in the innermost element that has both the object's ID, as the text
/// of an element of this name, and a state of its own.
pub(super) fn with_status(xml: &str, id: (&str, &str), status: &str, value: &str) -> String {
    let mut replaced = xml.to_owned();
    let mut open: Vec<Element> = vec![];
    let mut at = 0;
    // From the end, so that the places before stay as they are.
    let mut places = vec![];
    while let Some(start) = xml[at..].find('<').map(|start| at + start) {
        let Some(end) = xml[start..].find('>').map(|end| start + end) else { break };
        let tag = &xml[start + 1..end];
        at = end + 1;
        if tag.starts_with(['?', '!']) || tag.ends_with('/') {
            continue;
        }
        let Some(name) = tag.strip_prefix('/') else {
            let name = tag.split_whitespace().next().unwrap_or_default();
            open.push(Element { name, content: end + 1, has_id: false, status: None });
            continue;
        };
        let Some(element) = open.pop() else { break };
        let is_id = element.name == id.0 && &xml[element.content..start] == id.1;
        match element.status.filter(|_| element.has_id) {
            Some(place) => places.push(place),
            None => {
                if let Some(parent) = open.last_mut() {
                    parent.has_id |= element.has_id || is_id;
                    if name == status {
                        parent.status = Some((element.content, start));
                    }
                }
            }
        }
    }
    for (from, to) in places.into_iter().rev() {
        replaced.replace_range(from..to, value);
    }
    replaced
}

/// An open element: its name, the place of its content, whether the object's ID is in it, and the place of its state.
struct Element<'a> {
    name: &'a str,
    content: usize,
    has_id: bool,
    status: Option<(usize, usize)>,
}

#[cfg(test)]
mod tests {
    use super::with_status;

    #[test]
    fn state_of_one_object_is_replaced() {
        let item = |id: &str, state: &str| format!("<item><id>{id}</id><x><n/></x><state>{state}</state></item>");
        let list = format!("<?xml?><R><set>{}{}</set></R>", item("a", "available"), item("b", "available"));
        let expected = format!("<?xml?><R><set>{}{}</set></R>", item("a", "available"), item("b", "pending"));
        assert_eq!(with_status(&list, ("id", "b"), "state", "pending"), expected);
        let nested = "<R><m><State><Code>active</Code></State><Arn>1</Arn></m></R>";
        let expected = "<R><m><State><Code>new</Code></State><Arn>1</Arn></m></R>";
        assert_eq!(with_status(nested, ("Arn", "1"), "State", "<Code>new</Code>"), expected);
        assert_eq!(with_status(nested, ("Arn", "2"), "State", "<Code>new</Code>"), nested);
    }
}
