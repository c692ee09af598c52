//! Errors of the program itself, as against findings. Each carries an exit code and, where there is one, a hint.

use std::io;

/// Why a command stopped.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: anyhow::Error,
    pub(crate) hint: Option<String>,
    pub(crate) code: u8,
}

impl Failure {
    /// Wrong arguments or configuration.
    pub(crate) fn usage(message: impl Into<String>, hint: Option<String>) -> Self {
        Self { error: anyhow::Error::msg(message.into()), hint, code: 2 }
    }

    /// Nothing a case could read.
    pub(crate) fn no_evidence(message: impl Into<String>, hint: Option<String>) -> Self {
        Self { code: 3, ..Self::usage(message, hint) }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { error: error.into(), hint: None, code: 2 }
    }
}

/// True when the error is that nobody reads our output any more.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe))
}
