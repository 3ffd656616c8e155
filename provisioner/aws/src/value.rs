//! Small help with inputs: by the time of a call every expression is resolved.

use provisioner_model::expr::In;

/// An input as the SDK takes it: `None` only where the engine has not resolved it.
pub fn text<T: Clone + Into<String>>(input: &In<T>) -> Option<String> {
    input.known().cloned().map(Into::into)
}

/// A list of inputs as the SDK takes it.
pub fn texts<T: Clone + Into<String>>(inputs: &[In<T>]) -> Vec<String> {
    inputs.iter().filter_map(text).collect()
}
