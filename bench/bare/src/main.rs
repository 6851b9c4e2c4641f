//! A bare axum route that answers as many bytes of JSON as it is told: `bench-bare PORT BYTES`. What an empty request costs.

use axum::{
    Router,
    body::Bytes,
    http::{HeaderValue, header},
    routing::get,
};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|number| number.parse().ok()).collect();
    let [port, bytes] = numbers[..] else {
        return Err(std::io::Error::other("usage: bench-bare PORT BYTES"));
    };
    let body = Bytes::from(vec![b' '; bytes]);
    let json = HeaderValue::from_static("application/json");
    let app = Router::new()
        .route("/v1/me", get(async move || ([(header::CONTENT_TYPE, json.clone())], body.clone())));
    let port = u16::try_from(port).map_err(std::io::Error::other)?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, app).await
}
