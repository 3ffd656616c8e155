//! The maximum throughput of the framework: a single handler that does nothing, without middleware. `bench/app/run.py`
//! compares the app with it.

use std::error::Error;

use axum::{Router, http::header, routing::get};

#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BODY: &str = r#"{"name":"app","version":"0.1.0","image":null,"task_definition":null}"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).ok_or("say on which port")?.parse()?;
    let router =
        Router::new().route("/version", get(|| async { ([(header::CONTENT_TYPE, "application/json")], BODY) }));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, router).await?;
    Ok(())
}
