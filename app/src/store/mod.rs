//! What is kept in PostgreSQL, table by table. Every function takes what was checked before.

pub mod accounts;
pub mod audit;
pub mod rows;
pub mod transfers;
pub mod users;
