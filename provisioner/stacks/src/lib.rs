//! The bundled stack: a web app with a database on AWS, as components that declare resources.
//!
//! Read `stack` first: it names the parts and what each needs of the others. Nothing here calls AWS, reads a file or
//! knows of state: a component declares, and the engine does the rest.

pub mod environment;

pub use environment::Environment;
