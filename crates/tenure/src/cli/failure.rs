//! Why a command did not do what was asked, and how that is told.

use super::{Exit, println_json};
use crate::client::Fault;
use serde_json::json;
use tenure_contract::{Code, Error};

/// A command's failure.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    error: Error,
}

impl Failure {
    /// The call must change first.
    pub fn usage(message: impl Into<String>) -> Self {
        Error::new(Code::InvalidArgument, message).into()
    }
    /// A mistake of ours, or of the machine.
    pub fn failed(message: impl Into<String>) -> Self {
        Error::new(Code::Internal, message).into()
    }
    /// What is wrong.
    pub const fn error(&self) -> &Error {
        &self.error
    }

    /// Tells the person on standard error, the program on standard output.
    pub(super) fn report(&self, as_json: bool) -> Exit {
        if as_json {
            println_json(&json!({ "error": self.error }));
        }
        eprintln!("tenure: {}", self.error.message);
        self.exit
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { exit: Exit::of_code(error.code), error }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        fault.into_error().into()
    }
}

impl From<crate::OpenError> for Failure {
    fn from(error: crate::OpenError) -> Self {
        Error::new(error.code(), error.to_string()).into()
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::failed(error.to_string())
    }
}
