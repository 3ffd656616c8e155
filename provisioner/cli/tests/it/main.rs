//! The command line as its users see it: files with mistakes, plans and progress as text, whole commands on a cloud
//! in memory.

mod commands;
mod environment;
mod graph;
mod plan;
mod progress;
