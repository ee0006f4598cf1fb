//! SQLite's errors by what the caller can do about them.

use crate::ledger::LedgerError;

/// Sorts an error. Texts of SQLite carry no values of ours.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub(super) fn failed(error: sqlx::Error) -> LedgerError {
    let text = error.to_string();
    let Some(code) = code(&error) else {
        return match error {
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::RowNotFound => LedgerError::Corrupt(text),
            _ => LedgerError::Unavailable(text),
        };
    };
    match (code, code & 0xff) {
        // SQLITE_CORRUPT, SQLITE_NOTADB, and the two I/O errors that mean damage.
        (_, 11 | 26) | (IOERR_DATA | IOERR_CORRUPTFS, _) => LedgerError::Corrupt(text),
        // SQLITE_ERROR, CONSTRAINT, MISMATCH, RANGE, TOOBIG: the statement is to blame.
        (_, 1 | 18 | 19 | 20 | 25) => LedgerError::Rejected(text),
        _ => LedgerError::Unavailable(text),
    }
}

/// SQLITE_IOERR with the reasons DATA (a checksum of the VFS does not fit) and CORRUPTFS.
const IOERR_DATA: i32 = 10 + (32 << 8);
const IOERR_CORRUPTFS: i32 = 10 + (33 << 8);

/// SQLite's extended result code.
fn code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}
