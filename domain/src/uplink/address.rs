//! Which addresses lie beyond the uplink.

use std::net::{IpAddr, Ipv4Addr};

/// Whether a heartbeat from this address came over the uplink: it is neither this machine's nor of a private network.
///
/// Shared carrier space (100.64.0.0/10) is beyond it: providers and mesh VPNs use it, and both need the uplink.
///
/// ```
/// use domain::uplink::is_beyond_uplink;
/// assert!(is_beyond_uplink("203.0.113.9".parse().unwrap()));
/// assert!(!is_beyond_uplink("192.168.1.4".parse().unwrap()));
/// assert!(!is_beyond_uplink("::ffff:10.0.0.4".parse().unwrap()));
/// ```
pub fn is_beyond_uplink(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => !is_near(v4),
        IpAddr::V6(v6) => {
            let first = v6.segments()[0];
            let unique_local = first & 0xfe00 == 0xfc00;
            let link_local = first & 0xffc0 == 0xfe80;
            !(v6.is_loopback() || v6.is_unspecified() || unique_local || link_local)
        }
    }
}

fn is_near(v4: Ipv4Addr) -> bool {
    v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_link_local_and_own_addresses_are_near_all_others_beyond() {
        let near = ["10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.1.1", "127.0.0.1", "0.0.0.0"];
        let near_v6 = ["::1", "::", "fe80::1", "febf::1", "fc00::1", "fdff::1", "::ffff:192.168.1.1"];
        for text in near.iter().chain(&near_v6) {
            assert!(!is_beyond_uplink(text.parse().unwrap()), "{text}");
        }
        for text in ["8.8.8.8", "172.32.0.1", "100.64.0.1", "2001:db8::1", "fec0::1", "::ffff:1.1.1.1"] {
            assert!(is_beyond_uplink(text.parse().unwrap()), "{text}");
        }
    }
}
