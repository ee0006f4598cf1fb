//! What can go wrong in storage, by what the caller can do about it.

/// A storage failure. The text is for logs and operators; it never carries values.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    /// It cannot be read or written now (disk full, I/O error, locked): try again later; nothing
    /// was applied.
    #[error("the database cannot be used now: {0}")]
    Unavailable(String),
    /// One write of the batch is to blame, whatever the disk does: run the batch again in halves.
    #[error("the database refused a write: {0}")]
    Rejected(String),
    /// The file is damaged; a person must restore a backup.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// It was written by a newer build; a person must start that build.
    #[error("the database has schema {found}, this build knows up to {known}")]
    TooNew {
        /// The schema's version in the database.
        found: i64,
        /// The newest version this build knows.
        known: i64,
    },
}

impl LedgerError {
    /// Whether waiting may help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}
