//! What the program ends with, for scripts.

use std::fmt;

use crate::db::DbError;

/// Exit codes beside 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Something went wrong.
    Fault = 1,
    /// A wrong configuration or command line.
    Usage = 2,
    /// No token, a wrong one, or one that may not do this.
    Auth = 3,
    /// The hub, the database or another service does not answer.
    Unreachable = 4,
    /// The tool ran and failed.
    Tool = 5,
}

/// An error that knows its exit code.
#[derive(Debug)]
struct Coded(Exit, anyhow::Error);

impl fmt::Display for Coded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.1)
    }
}

impl std::error::Error for Coded {}

impl Exit {
    /// `error`, ending the program with this code.
    pub fn with(self, error: impl Into<anyhow::Error>) -> anyhow::Error {
        anyhow::Error::new(Coded(self, error.into()))
    }

    /// The message, ending the program with this code.
    pub fn say(self, message: impl fmt::Display) -> anyhow::Error {
        self.with(anyhow::anyhow!("{message}"))
    }

    /// What `error` ends the program with.
    pub fn of(error: &anyhow::Error) -> Self {
        if let Some(Coded(exit, _)) = error.downcast_ref() {
            return *exit;
        }
        let unreachable = error.chain().any(|cause| {
            cause.is::<reqwest::Error>()
                || matches!(
                    cause.downcast_ref(),
                    Some(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut)
                )
                || matches!(
                    cause.downcast_ref(),
                    Some(DbError::Sqlx(
                        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut
                    ))
                )
        });
        if unreachable {
            Self::Unreachable
        } else {
            Self::Fault
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn a_code_survives_what_is_said_around_it() {
        let error = Err::<(), _>(Exit::Auth.say("no token")).context("cannot call");
        let error = error.unwrap_err();
        assert_eq!(Exit::of(&error), Exit::Auth);
        assert_eq!(format!("{error:#}"), "cannot call: no token");
        let refused = DbError::Sqlx(sqlx::Error::PoolTimedOut);
        let error = anyhow::Error::new(refused).context("cannot open the database");
        assert_eq!(Exit::of(&error), Exit::Unreachable);
        assert_eq!(Exit::of(&anyhow::anyhow!("x")), Exit::Fault);
    }
}
