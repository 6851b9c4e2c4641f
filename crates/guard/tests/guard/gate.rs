//! Between guards and a server: what the server answers to them can be kept back, and changed.

use std::sync::Mutex;

use axum::{
    Json,
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};

/// Answers to guards that are kept back, once it is closed, and let go one by one.
pub(crate) struct Gate {
    asked: watch::Sender<u32>,
    pub(crate) answers: Semaphore,
    /// What the node is made to say.
    pub(crate) says: Mutex<Value>,
}

/// More than any test lets through.
const OPEN: usize = 1_000_000;

impl Default for Gate {
    fn default() -> Self {
        Self { asked: watch::Sender::default(), answers: Semaphore::new(OPEN), says: json!({}).into() }
    }
}

impl Gate {
    pub(crate) fn close(&self) {
        self.answers.forget_permits(OPEN);
    }

    /// Waits for the next question: whoever asks has done with the answer before.
    pub(crate) async fn next(&self) {
        let mut asked = self.asked.subscribe();
        asked.mark_unchanged();
        asked.changed().await.unwrap();
    }

    pub(crate) async fn pass(&self, request: Request, next: Next) -> Response {
        if request.uri().path() != "/v1/revocations" {
            return next.run(request).await;
        }
        self.asked.send_modify(|asked| *asked += 1);
        let (parts, body) = next.run(request).await.into_parts();
        self.answers.acquire().await.unwrap().forget();
        let said = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let mut said: Value = serde_json::from_slice(&said).unwrap();
        let says = self.says.lock().unwrap().clone();
        said.as_object_mut().unwrap().extend(says.as_object().unwrap().clone());
        (parts.status, Json(said)).into_response()
    }
}
