//! Addresses on the internet, and the stable pseudonyms that stand for them outside of this hub.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses that get a pseudonym of their own; the others share `IP-PUB-OTHER`.
pub const MAX_PSEUDONYMS: usize = 65_536;
/// How each pseudonym begins.
pub(super) const PREFIX: &str = "IP-PUB-";
const OTHERS: &str = "IP-PUB-OTHER";

/// Which pseudonym stands for which address. Kept per hub or per host, never sent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<IpAddr>", into = "Vec<IpAddr>")]
pub struct Pseudonyms {
    numbers: HashMap<IpAddr, u32>,
    addresses: Vec<IpAddr>,
}

impl From<Vec<IpAddr>> for Pseudonyms {
    fn from(addresses: Vec<IpAddr>) -> Pseudonyms {
        let mut pseudonyms = Pseudonyms::default();
        addresses.into_iter().for_each(|address| pseudonyms.write(address, &mut String::new()));
        pseudonyms
    }
}

impl From<Pseudonyms> for Vec<IpAddr> {
    fn from(pseudonyms: Pseudonyms) -> Vec<IpAddr> {
        pseudonyms.addresses
    }
}

impl Pseudonyms {
    /// Writes what stands for `address`, the same each time.
    pub(super) fn write(&mut self, address: IpAddr, out: &mut String) {
        let number = match self.numbers.get(&address) {
            Some(number) => *number,
            None if self.addresses.len() >= MAX_PSEUDONYMS => {
                out.push_str(OTHERS);
                return;
            }
            None => {
                self.addresses.push(address);
                let number = u32::try_from(self.addresses.len()).unwrap_or(u32::MAX);
                self.numbers.insert(address, number);
                number
            }
        };
        out.push_str(PREFIX);
        push_number(number, out);
    }

    /// The address that `pseudonym` stands for.
    ///
    /// ```
    /// use domain::redact::Redactor;
    /// let mut redactor = Redactor::default();
    /// assert_eq!(redactor.line("from 198.51.100.7 to 10.0.0.1"), "from IP-PUB-1 to 10.0.0.1");
    /// assert_eq!(redactor.pseudonyms().address("IP-PUB-1"), Some("198.51.100.7".parse().unwrap()));
    /// ```
    pub fn address(&self, pseudonym: &str) -> Option<IpAddr> {
        let number: usize = pseudonym.strip_prefix(PREFIX)?.parse().ok()?;
        self.addresses.get(number.checked_sub(1)?).copied()
    }

    /// How many addresses have one.
    pub fn len(&self) -> usize {
        self.addresses.len()
    }

    /// Whether no address has one.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }
}

fn push_number(number: u32, out: &mut String) {
    if number >= 10 {
        push_number(number / 10, out);
    }
    out.push(char::from(b'0' + u8::try_from(number % 10).unwrap_or(0)));
}

/// The public IPv4 address that starts at `start`, and where it ends. Digits right before or after make it something else.
pub(super) fn v4(bytes: &[u8], start: usize) -> Option<(IpAddr, usize)> {
    let (mut octets, mut at) = ([0_u8; 4], start);
    for (index, octet) in octets.iter_mut().enumerate() {
        let digits = bytes[at..].iter().take(4).take_while(|b| b.is_ascii_digit()).count();
        let value = bytes[at..at + digits].iter().fold(0_u16, |value, b| value * 10 + u16::from(b - b'0'));
        if digits == 0 || digits > 3 || value > 255 {
            return None;
        }
        *octet = u8::try_from(value).ok()?;
        at += digits;
        if index < 3 {
            (bytes.get(at) == Some(&b'.')).then_some(())?;
            at += 1;
        }
    }
    let goes_on = bytes.get(at) == Some(&b'.') && bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
    let address = Ipv4Addr::from(octets);
    (!goes_on && is_public_v4(address)).then_some((IpAddr::V4(address), at))
}

/// Private, shared, loopback, link-local, multicast, reserved and `n.0.0.0` (a version, as in browsers' names) are not public.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, d] = address.octets();
    let is_shared = a == 100 && (64..128).contains(&b);
    let is_inside = address.is_private() || address.is_loopback() || address.is_link_local() || is_shared;
    !is_inside && a != 0 && a < 224 && (b, c, d) != (0, 0, 0)
}

/// The public IPv6 address around the first colon at `colon`, and where it lies.
pub(super) fn v6(text: &str, colon: usize) -> Option<(IpAddr, usize, usize)> {
    let bytes = text.as_bytes();
    let hex_before = bytes[..colon].iter().rev().take(5).take_while(|b| b.is_ascii_hexdigit()).count();
    let start = colon - hex_before;
    let is_inside_word = start > 0
        && match bytes[start - 1] {
            b':' => !is_word(&bytes[..start - 1]),
            before => before.is_ascii_alphanumeric() || matches!(before, b'.' | b'_'),
        };
    if hex_before > 4 || is_inside_word || text[..start].ends_with(PREFIX) {
        return None;
    }
    let length = bytes[start..].iter().take(46).take_while(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.')).count();
    let run = &text[start..start + length];
    if run.bytes().filter(|b| *b == b':').count() < 2 {
        return None;
    }
    let ends = [run, run.trim_end_matches([':', '.']), run.rsplit_once('.').map_or("", |(front, _)| front)];
    let found = ends.into_iter().find_map(|run| Some((run.parse::<Ipv6Addr>().ok()?, run.len())));
    let (address, length) = found?;
    let is_inside_word = bytes.get(start + length).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    (!is_inside_word && is_public_v6(address)).then_some((IpAddr::V6(address), start, start + length))
}

/// Whether `before` ends in a word that is no group of an address: `outside` of `outside:2001:db8::1`.
fn is_word(before: &[u8]) -> bool {
    let length = before.iter().rev().take(64).take_while(|b| b.is_ascii_alphanumeric()).count();
    let word = &before[before.len() - length..];
    length > 4 || word.iter().any(|b| !b.is_ascii_hexdigit())
}

/// Global unicast, and IPv4 addresses dressed as IPv6.
fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(v4) = address.to_ipv4_mapped() {
        return is_public_v4(v4);
    }
    let first = address.segments()[0];
    first & 0xe000 == 0x2000 || (first == 0x64 && address.segments()[1] == 0xff9b)
}
