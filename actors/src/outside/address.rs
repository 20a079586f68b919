//! Which addresses a service a person named may have: public and private ones, never this machine or what is not a host of its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Services on this machine that the operator allows to be called, such as `http://127.0.0.1:9000`: for tests, and for a monitor
/// on the same box. Only the operator can set them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalOrigins(Vec<(bool, String, u16)>);

impl LocalOrigins {
    /// The origins that `entries` name.
    ///
    /// # Errors
    /// The first entry that is no http or https origin of this machine, with its fix.
    ///
    /// ```
    /// use actors::outside::LocalOrigins;
    /// assert!(LocalOrigins::parse(&["http://127.0.0.1:9000", "https://[::1]"]).is_ok());
    /// assert!(LocalOrigins::parse(&["http://192.0.2.1"]).is_err());
    /// ```
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<LocalOrigins, String> {
        let one = |entry: &S| {
            let entry = entry.as_ref().trim();
            origin(entry).ok_or_else(|| format!("'{entry}' must be an origin of this machine such as http://127.0.0.1:9000"))
        };
        Ok(LocalOrigins(entries.iter().map(one).collect::<Result<_, _>>()?))
    }

    fn allow(&self, secure: bool, host: &str, port: u16) -> bool {
        self.0.iter().any(|known| known.0 == secure && known.1 == host.to_ascii_lowercase() && known.2 == port)
    }
}

fn origin(entry: &str) -> Option<(bool, String, u16)> {
    let uri: awc::http::Uri = entry.parse().ok()?;
    let secure = match uri.scheme_str()? {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    let host = uri.host()?.to_ascii_lowercase();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_local = host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
    let is_origin = matches!(uri.path(), "" | "/") && uri.query().is_none() && !entry.contains('@');
    (is_local && is_origin).then(|| (secure, host, uri.port_u16().unwrap_or(if secure { 443 } else { 80 })))
}

/// Whether a call to `host` and `port` may connect to `address`, one of those the host has.
///
/// ```
/// use actors::outside::{LocalOrigins, may_call};
/// let may = |ip: &str| may_call(ip.parse().unwrap(), true, "hc.example", 443, &LocalOrigins::default());
/// assert!(may("203.0.113.5") && may("192.168.1.5"));
/// assert!(!may("169.254.169.254") && !may("127.0.0.1") && !may("::ffff:127.0.0.1"));
/// ```
pub fn may_call(address: IpAddr, secure: bool, host: &str, port: u16, local: &LocalOrigins) -> bool {
    match canonical(address) {
        ip if ip.is_loopback() => local.allow(secure, host, port),
        IpAddr::V4(v4) => may_call_v4(v4),
        IpAddr::V6(v6) => may_call_v6(v6),
    }
}

fn may_call_v4(v4: Ipv4Addr) -> bool {
    let this_network = v4.octets()[0] == 0;
    let reserved = v4.octets()[0] >= 240; // broadcast too
    !(this_network || v4.is_link_local() || v4.is_multicast() || reserved)
}

fn may_call_v6(v6: Ipv6Addr) -> bool {
    let first = v6.segments()[0];
    let link_local = first & 0xffc0 == 0xfe80;
    let site_local = first & 0xffc0 == 0xfec0;
    !(v6.is_unspecified() || v6.is_multicast() || link_local || site_local)
}

/// The IPv4 address that an IPv6 one only wraps: mapped, compatible, NAT64, 6to4.
fn canonical(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] => v4(g, h),
        [0, 0, 0, 0, 0, 0] if g != 0 => v4(g, h),
        [0x64, 0xff9b, 0, 0, 0, 0] => v4(g, h),
        [0x2002, ..] => v4(b, c),
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(ip: &str, local: &LocalOrigins) -> bool {
        may_call(ip.parse().unwrap(), false, "127.0.0.1", 9_000, local)
    }

    #[test]
    fn public_and_private_services_may_be_called() {
        let none = LocalOrigins::default();
        for ip in
            ["8.8.8.8", "10.0.0.5", "172.17.0.2", "192.168.178.3", "100.64.0.9", "2001:db8::5", "fd00::5", "64:ff9b::808:808"]
        {
            assert!(may(ip, &none), "{ip}");
        }
    }

    #[test]
    fn what_is_no_service_of_its_own_never_is_however_it_is_written() {
        let none = LocalOrigins::default();
        let local = LocalOrigins::parse(&["http://127.0.0.1:9000"]).unwrap();
        for ip in [
            "169.254.169.254",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "239.255.255.250",
            "255.255.255.255",
            "240.0.0.1",
            "::",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "::ffff:169.254.169.254",
            "::ffff:0.0.0.0",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
        ] {
            assert!(!may(ip, &none) && !may(ip, &local), "{ip}");
        }
        for ip in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"] {
            assert!(!may(ip, &none), "{ip}");
        }
    }

    #[test]
    fn this_machine_is_called_only_where_the_operator_said_so() {
        let local = LocalOrigins::parse(&["http://127.0.0.1:9000", "http://localhost"]).unwrap();
        assert!(may("127.0.0.1", &local));
        let call = |secure, host, port| may_call("127.0.0.1".parse().unwrap(), secure, host, port, &local);
        assert!(call(false, "LOCALHOST", 80));
        for (secure, host, port) in [(true, "127.0.0.1", 9_000), (false, "127.0.0.1", 9_001), (false, "evil.example", 9_000)] {
            assert!(!call(secure, host, port), "{host}:{port}");
        }
        for wrong in [
            "",
            "127.0.0.1:9000",
            "ftp://127.0.0.1",
            "http://10.0.0.1",
            "http://127.0.0.1/x",
            "http://a@127.0.0.1",
            "http://hc.example",
        ] {
            assert!(LocalOrigins::parse(&[wrong]).is_err(), "{wrong}");
        }
    }
}
