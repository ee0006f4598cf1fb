//! SQLite's errors by what the caller can do about them.

use crate::ledger::LedgerError;

/// Sorts an error. Texts of SQLite carry no values of ours.
pub(super) fn failed(error: sqlx::Error) -> LedgerError {
    let text = error.to_string();
    match primary(&error) {
        // SQLITE_CORRUPT, SQLITE_NOTADB
        Some(11 | 26) => LedgerError::Corrupt(text),
        // SQLITE_ERROR, CONSTRAINT, MISMATCH, RANGE, TOOBIG: the statement is to blame.
        Some(1 | 18 | 19 | 20 | 25) => LedgerError::Rejected(text),
        Some(_) => LedgerError::Unavailable(text),
        None => match error {
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::RowNotFound => LedgerError::Corrupt(text),
            _ => LedgerError::Unavailable(text),
        },
    }
}

/// SQLite's primary result code.
fn primary(error: &sqlx::Error) -> Option<i32> {
    let code = error.as_database_error()?.code()?;
    code.parse::<i32>().ok().map(|code| code & 0xff)
}
