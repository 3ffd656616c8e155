//! The web service that the reference stack runs: users, accounts with balances, transfers, sample rows, and a page.
//!
//! One process serves the API ([`api`]) and the page ([`page`]) on one port and its metrics ([`metrics`]) on another.
//! [`config`] has its configuration, and [`serve`] its shutdown. Everything that two tasks must agree on is in
//! PostgreSQL, or in Redis where that is configured ([`session`], [`limit`]).

pub mod api;
pub mod clock;
pub mod command;
pub mod config;
pub mod database;
pub mod http;
pub mod input;
pub mod keys;
pub mod limit;
pub mod metrics;
pub mod page;
pub mod password;
pub mod problem;
pub mod secret;
pub mod serve;
pub mod session;
pub mod state;
pub mod store;
pub mod telemetry;
pub mod users;
pub mod version;
pub mod web;
