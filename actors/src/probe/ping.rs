//! ICMP echo without privileges where the kernel allows it (`ping_group_range`), with a raw socket where the hub may have one, and "no
//! permission" where neither works.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

/// Echoes sent before silence is believed.
const TRIES: u16 = 3;
/// Wait for each.
const TRY_MS: u64 = 1_000;
const HEADER_BYTES: usize = 8;
const PACKET_MAX_BYTES: usize = 256;
const PAYLOAD: &[u8] = b"pulsewarden uplink";

/// What became of the pings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pinged {
    /// An echo came back.
    Answered,
    /// None did.
    Silent(String),
    /// None could be sent.
    NotPermitted(String),
}

/// Pings until one echo comes back.
pub(super) async fn ping(address: IpAddr) -> Pinged {
    let (socket, raw) = match open(address) {
        Ok(open) => open,
        Err(e) if is_denied(&e) => return Pinged::NotPermitted(format!("{e}; see ping_group_range in the documentation")),
        Err(e) => return Pinged::Silent(e.to_string()),
    };
    let socket = match tokio::net::UdpSocket::from_std(socket) {
        Ok(socket) => socket,
        Err(e) => return Pinged::NotPermitted(e.to_string()),
    };
    let mut why = format!("{TRIES} pings");
    for sequence in 1..=TRIES {
        let sent = socket.send_to(&echo(address, sequence), SocketAddr::new(address, 0)).await;
        match sent {
            Err(e) if is_denied(&e) => return Pinged::NotPermitted(e.to_string()),
            Err(e) => why = e.to_string(),
            Ok(_) => {
                let answer = tokio::time::timeout(Duration::from_millis(TRY_MS), answered(&socket, address, raw));
                if answer.await.unwrap_or(false) {
                    return Pinged::Answered;
                }
            }
        }
    }
    Pinged::Silent(why)
}

/// A socket for echoes, and whether its packets come with their IP header.
fn open(address: IpAddr) -> io::Result<(UdpSocket, bool)> {
    let (domain, protocol) = match address {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let (socket, raw) = match Socket::new(domain, Type::DGRAM, Some(protocol)) {
        Ok(socket) => (socket, false),
        Err(e) if is_denied(&e) => (Socket::new(domain, Type::RAW, Some(protocol))?, address.is_ipv4()),
        Err(e) => return Err(e),
    };
    socket.set_nonblocking(true)?;
    Ok((socket.into(), raw))
}

fn is_denied(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

/// Waits for an echo reply of `address`; other packets of a raw socket are somebody else's.
async fn answered(socket: &tokio::net::UdpSocket, address: IpAddr, raw: bool) -> bool {
    let mut packet = [0; PACKET_MAX_BYTES];
    loop {
        let Ok((size, from)) = socket.recv_from(&mut packet).await else { return false };
        if from.ip() == address && is_reply(&packet[..size], address, raw) {
            return true;
        }
    }
}

fn is_reply(packet: &[u8], address: IpAddr, raw: bool) -> bool {
    let reply = if address.is_ipv4() { 0 } else { 129 };
    let head = if raw { usize::from(packet.first().copied().unwrap_or(0) & 0x0f) * 4 } else { 0 };
    let Some(icmp) = packet.get(head..) else { return false };
    icmp.first() == Some(&reply) && icmp.get(HEADER_BYTES..) == Some(PAYLOAD)
}

/// An echo request. Its checksum matters on raw IPv4 sockets only: elsewhere the kernel writes it.
fn echo(address: IpAddr, sequence: u16) -> Vec<u8> {
    let request = if address.is_ipv4() { 8 } else { 128 };
    let mut packet = vec![request, 0, 0, 0];
    packet.extend(std::process::id().to_be_bytes().into_iter().skip(2));
    packet.extend(sequence.to_be_bytes());
    packet.extend(PAYLOAD);
    let sum = checksum(&packet);
    packet[2..4].copy_from_slice(&sum.to_be_bytes());
    packet
}

/// RFC 1071.
fn checksum(packet: &[u8]) -> u16 {
    let words = packet.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)));
    let mut sum: u32 = words.sum();
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_sums_up_to_nothing() {
        for sequence in 0..300 {
            assert_eq!(checksum(&echo("192.0.2.1".parse().unwrap(), sequence)), 0);
        }
    }

    #[test]
    fn only_an_echo_of_ours_is_a_reply() {
        let v4: IpAddr = "192.0.2.1".parse().unwrap();
        let mut reply = echo(v4, 1);
        assert!(!is_reply(&reply, v4, false), "our own request");
        reply[0] = 0;
        assert!(is_reply(&reply, v4, false));
        let with_head = [&[0x45_u8; 20][..], &reply].concat();
        assert!(is_reply(&with_head, v4, true));
        assert!(!is_reply(&reply[..10], v4, false));
        for short in [&[][..], &[0x4f]] {
            assert!(!is_reply(short, v4, true));
        }
    }

    #[actix_rt::test]
    async fn this_machine_answers_or_the_hub_may_not_ask() {
        let pinged = ping("127.0.0.1".parse().unwrap()).await;
        assert!(matches!(pinged, Pinged::Answered | Pinged::NotPermitted(_)), "{pinged:?}");
    }
}
