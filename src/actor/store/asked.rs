//! What persons and tools ask of an order, as a turn of its own.

use crate::actor::handle::{Ask, AskError};
use crate::domain::{Objection, Order, Refusal};

use super::turn::{Turn, TurnFailed};

/// Does what was asked. The second part tells whether memory has to be dropped.
pub(super) async fn obey(
    turn: &Turn,
    ask: Ask,
) -> (Result<Order, AskError>, Result<(), TurnFailed>) {
    let id = &ask.order.cart;
    let now = turn.resources.clock.now();
    let mut draft = match turn.draft(std::iter::once(id), now).await {
        Ok(draft) => draft,
        Err(error) => return (Err(error.into()), Ok(())),
    };
    let Some(order) = draft.order(id) else { return (Err(AskError::Unknown("order")), Ok(())) };
    if ask.if_version.is_some_and(|version| version != order.row_version) {
        return (Err(AskError::Conflict), Ok(()));
    }
    if let Err(refusal) = draft.asked(id, &ask.command, &ask.by) {
        return (Err(refused(refusal)), Ok(()));
    }
    let after = draft.order(id).cloned();
    let Some((commit, outcomes)) = draft.finish() else {
        return (after.ok_or(AskError::Unknown("order")), Ok(()));
    };
    match turn.commit(commit, outcomes).await {
        Ok(()) => (after.ok_or(AskError::Unknown("order")), Ok(())),
        Err(TurnFailed::Refused(mismatch)) => {
            (Err(AskError::Conflict), Err(TurnFailed::Refused(mismatch)))
        }
        Err(failure) => (Err(AskError::Unavailable(failure.to_string())), Err(failure)),
    }
}

fn refused(Refusal { objection, sentence }: Refusal) -> AskError {
    match objection {
        Objection::Impossible => AskError::Refused(sentence),
        Objection::Invalid => AskError::Invalid(sentence),
        Objection::Changed => AskError::Changed(sentence),
    }
}
