//! Why a guard does not start, or an answer could not be had.

/// See the module. The text is for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{context}")]
pub struct Error {
    context: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The answer of what may fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn new(context: impl Into<String>) -> Self {
        Self { context: context.into(), source: None }
    }

    pub(crate) fn caused(
        context: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { context: context.into(), source: Some(source.into()) }
    }
}
