//! The app as its users see it: its own program over HTTP, with a real PostgreSQL, and a real Redis where it is used.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests, and what they stand on")]

mod accounts;
mod configuration;
mod database;
mod health;
mod look;
mod page;
mod protection;
mod rows;
mod support;
mod tasks;
mod users;
