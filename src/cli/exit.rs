//! How commands end.

use std::process::ExitCode;

/// The exit codes of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0
    Ok,
    /// 1
    Error,
    /// 2
    Usage,
    /// 3
    NotFound,
    /// 4
    Unhealthy,
    /// 69: daemon or database not reachable.
    Unreachable,
    /// 74: database damaged or newer than this build.
    Damaged,
    /// 75: port or data folder in use, try again.
    InUse,
    /// 78: bad configuration, master key or data folder.
    Configuration,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Error => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Unhealthy => 4,
            Self::Unreachable => 69,
            Self::Damaged => 74,
            Self::InUse => 75,
            Self::Configuration => 78,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command failed: one sentence, and the exit code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct CliError {
    /// The exit code.
    pub exit: Exit,
    /// What happened, why, and what to do.
    pub sentence: String,
}

impl CliError {
    /// A failure in a sentence.
    pub fn new(exit: Exit, sentence: impl Into<String>) -> Self {
        Self { exit, sentence: sentence.into() }
    }
}

impl From<crate::config::ConfigErrors> for CliError {
    fn from(errors: crate::config::ConfigErrors) -> Self {
        Self::new(Exit::Configuration, errors.to_string())
    }
}

impl From<crate::config::KeyError> for CliError {
    fn from(error: crate::config::KeyError) -> Self {
        Self::new(Exit::Configuration, error.to_string())
    }
}

impl From<crate::daemon::StartError> for CliError {
    fn from(error: crate::daemon::StartError) -> Self {
        use crate::daemon::StartError;
        let exit = match &error {
            StartError::Configuration(_) => Exit::Configuration,
            StartError::InUse(_) => Exit::InUse,
            StartError::Damaged(_) => Exit::Damaged,
            StartError::Unreachable(_) => Exit::Unreachable,
            StartError::Other(_) => Exit::Error,
        };
        Self::new(exit, error.to_string())
    }
}
