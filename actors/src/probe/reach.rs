//! An address that needs no name: whether anything comes back from it at all.

use crate::clock::Clock;
use domain::uplink::{Probe, Reach};
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;

/// The kernel tries again after one and after three seconds.
const TOTAL_MS: u64 = 4_000;
/// Where servers of this kind listen; a refusal is an answer too.
const PORT: u16 = 443;

/// What a try to connect told.
pub(super) enum Knock {
    /// It accepted.
    Accepted,
    /// It is there, and refused.
    Refused,
    /// The network says that it is not there.
    NotThere(String),
    /// Nothing came back.
    Nothing,
}

pub(super) async fn probe(server: IpAddr, clock: &Clock) -> Probe<Reach> {
    let address = SocketAddr::new(server, PORT);
    let began = clock.steady();
    let heard = match knock(address, TOTAL_MS).await {
        Knock::Accepted | Knock::Refused => Reach::Answered(clock.steady().since_ms(began)),
        Knock::NotThere(why) => Reach::Silent(why),
        Knock::Nothing => Reach::Silent(format!("{TOTAL_MS} ms")),
    };
    Probe { target: address.to_string(), heard }
}

pub(super) async fn knock(address: SocketAddr, total_ms: u64) -> Knock {
    match tokio::time::timeout(Duration::from_millis(total_ms), TcpStream::connect(address)).await {
        Ok(Ok(_)) => Knock::Accepted,
        Ok(Err(e)) if matches!(e.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset) => Knock::Refused,
        Ok(Err(e)) => Knock::NotThere(e.to_string()),
        Err(_) => Knock::Nothing,
    }
}
