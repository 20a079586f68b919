//! What was told of the incidents: as if a webhook had taken each message, one in seventy only at the second try.

use super::dice::Dice;
use domain::time::Now;
use store::channels::PRIMARY;
use store::deliveries::{self, NewDelivery};
use store::outbox::{self, Kind};
use store::{StoreError, Transaction};

/// Notices of one incident that wait at once: opened, edited, recovered.
const WAIT_MOST: u32 = 10;

/// Delivers everything that waits.
pub(crate) fn tell(tx: &Transaction<'_>, dice: &mut Dice, now: Now) -> Result<(), StoreError> {
    for item in outbox::waiting(tx, PRIMARY, now.steady, WAIT_MOST)? {
        let ids = [item.id];
        outbox::mark_sending(tx, &ids, "due")?;
        let attempt = |outcome, http_status, error| NewDelivery {
            channel: PRIMARY,
            at: now.wall,
            outcome,
            http_status: Some(http_status),
            error,
            outbox_ids: &ids,
        };
        if dice.happens(140) {
            deliveries::record(tx, &attempt("retry", 503, Some("the other side answered 503 Service Unavailable")))?;
        }
        deliveries::record(tx, &attempt("delivered", 200, None))?;
        match item.kind {
            Kind::Edited => outbox::mark_edited(tx, &ids, now.wall)?,
            Kind::Opened | Kind::Recovered => {
                outbox::mark_sent(tx, &ids, &(dice.next() >> 1).to_string(), PRIMARY, now.wall)?;
            }
        }
    }
    Ok(())
}
