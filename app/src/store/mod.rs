//! Data in PostgreSQL, by table. The functions expect checked input.

pub mod accounts;
pub mod audit;
pub mod rows;
pub mod transfers;
pub mod users;
