//! Where a request really comes from, and under which address the client knows us: proxies are believed only when trusted.

use crate::state::WebState;
use actix_web::HttpRequest;
use actix_web::http::header::{HOST, HeaderName, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO};
use ipnet::IpNet;
use std::net::IpAddr;

/// The client's address: the peer's, or the rightmost one in `X-Forwarded-For` that is no trusted proxy.
pub(crate) fn ip(req: &HttpRequest, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = req.peer_addr()?.ip().to_canonical();
    if trusted.is_empty() || !is_trusted(peer, trusted) {
        return Some(peer);
    }
    let forwarded = req.headers().get_all(X_FORWARDED_FOR).filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = forwarded.flat_map(|line| line.split(',')).collect();
    let mut nearest = peer;
    for hop in hops.into_iter().rev() {
        let Some(hop) = address(hop.trim()) else { break };
        nearest = hop;
        if !is_trusted(hop, trusted) {
            break;
        }
    }
    Some(nearest)
}

/// `1.2.3.4`, `1.2.3.4:567`, `2001:db8::1`, `[2001:db8::1]:567`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(text, |(ip, _)| ip);
    let ip = bare.parse().ok().or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip()));
    ip.map(|ip: IpAddr| ip.to_canonical())
}

fn is_trusted(ip: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|net| net.contains(&ip))
}

/// The address of this hub as the client knows it, without a slash at its end: `PUBLIC_URL`, or what the request says.
pub(crate) fn base_url(req: &HttpRequest, state: &WebState) -> String {
    if let Some(url) = &state.public_url {
        return url.clone();
    }
    let scheme = if is_https(req, state) { "https" } else { "http" };
    let host = forwarded(req, state, X_FORWARDED_HOST).or_else(|| header(req, HOST)).filter(|host| is_host(host));
    format!("{scheme}://{}", host.unwrap_or("localhost"))
}

/// Whether the browser came by https: `PUBLIC_URL` or a trusted proxy says so.
pub(crate) fn is_https(req: &HttpRequest, state: &WebState) -> bool {
    forwarded(req, state, X_FORWARDED_PROTO).map_or_else(
        || state.public_url.as_deref().is_some_and(|url| url.starts_with("https://") && is_public_host(req, url)),
        |scheme| scheme == "https",
    )
}

/// Whether the request was sent to the host that `PUBLIC_URL` names: another way in, by address perhaps, is plain http.
fn is_public_host(req: &HttpRequest, url: &str) -> bool {
    let public = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default();
    header(req, HOST).is_some_and(|host| host.eq_ignore_ascii_case(public))
}

/// What a trusted proxy says of the request it took.
fn forwarded<'a>(req: &'a HttpRequest, state: &WebState, name: HeaderName) -> Option<&'a str> {
    let by_proxy = req.peer_addr().is_some_and(|peer| is_trusted(peer.ip().to_canonical(), &state.trusted_proxies));
    header(req, name).filter(|_| by_proxy).and_then(|value| value.split(',').next()).map(str::trim)
}

fn header(req: &HttpRequest, name: HeaderName) -> Option<&str> {
    req.headers().get(name)?.to_str().ok()
}

/// Only what a host and port consist of: the text is copied into shell commands.
fn is_host(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 255
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn seen(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut req = TestRequest::default().peer_addr(peer.parse().unwrap());
        for line in forwarded {
            req = req.append_header((X_FORWARDED_FOR, *line));
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        ip(&req.to_http_request(), &trusted).unwrap().to_string()
    }

    #[test]
    fn a_stranger_cannot_say_where_he_comes_from() {
        assert_eq!(seen("203.0.113.9:1", &["10.0.0.1"], &[]), "203.0.113.9");
        assert_eq!(seen("203.0.113.9:1", &["10.0.0.1"], &["10.0.0.0/8"]), "203.0.113.9");
    }

    #[test]
    fn behind_trusted_proxies_the_rightmost_untrusted_hop_counts() {
        let trusted = ["10.0.0.0/8", "::1/128"];
        assert_eq!(seen("10.0.0.1:1", &["6.6.6.6, 198.51.100.7"], &trusted), "198.51.100.7");
        assert_eq!(seen("10.0.0.1:1", &["6.6.6.6", "198.51.100.7:4711, 10.9.9.9"], &trusted), "198.51.100.7");
        assert_eq!(seen("[::1]:1", &["[2001:db8::7]:443"], &trusted), "2001:db8::7");
        assert_eq!(seen("[::ffff:10.0.0.1]:1", &["198.51.100.7"], &trusted), "198.51.100.7");
    }

    #[test]
    fn rubbish_from_a_proxy_ends_the_search_where_it_stands() {
        assert_eq!(seen("10.0.0.1:1", &["198.51.100.7, unknown, 10.0.0.2"], &["10.0.0.0/8"]), "10.0.0.2");
        assert_eq!(seen("10.0.0.1:1", &["<script>"], &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1:1", &[], &["10.0.0.0/8"]), "10.0.0.1");
    }
}
