//! What the monitors of the uplink and the upstream are told at the start: whom they ask, and what on this machine may be called.

use super::Secret;
use super::layers::Layers;
use super::values;
use actors::internet::EVERY_S;
use actors::outside::LocalOrigins;
use actors::probe::{Endpoint, TARGETS_MAX, Targets};
use actors::speed::{Method, Plan};
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// Shortest and longest time between two rounds, in seconds.
const EVERY_RANGE_S: RangeInclusive<u64> = 10..=86_400;

/// Between two speed tests, in seconds.
const SPEED_EVERY_RANGE_S: RangeInclusive<u64> = 600..=604_800;
const SPEED_EVERY_S: u32 = 21_600;

/// The outside as configured.
#[derive(Clone, Debug)]
pub struct Net {
    /// `INTERNET_MONITOR`: whether the uplink is watched.
    pub monitor: bool,
    /// `INTERNET_EVERY` in seconds: between two rounds while all is well.
    pub every_s: u32,
    /// `INTERNET_DNS_SERVERS`, `INTERNET_ENDPOINTS`, `INTERNET_GATEWAY`: who is asked.
    pub targets: Targets,
    /// `HEALTHCHECKS_URL`: told what the uplink is.
    pub healthchecks_url: Option<Secret>,
    /// `SPEED_TEST_*`: the speed test, if a server for it is set.
    pub speed: Option<Plan>,
    /// `UPSTREAM_ALLOWED_HOSTS`: services on this machine that may be called.
    pub local: LocalOrigins,
}

pub(super) fn read(layers: &mut Layers) -> Net {
    let usual = Targets::default();
    let example = "https://hc-ping.com/your-uuid";
    Net {
        monitor: layers.value("INTERNET_MONITOR", true, values::switch),
        every_s: layers.value("INTERNET_EVERY", EVERY_S, every),
        targets: Targets {
            dns: layers.value("INTERNET_DNS_SERVERS", usual.dns, servers),
            web: layers.value("INTERNET_ENDPOINTS", usual.web, endpoints),
            gateway: layers.optional("INTERNET_GATEWAY", gateway),
            name: usual.name,
        },
        healthchecks_url: layers.optional("HEALTHCHECKS_URL", |text| values::url(text, example).map(Secret::new)),
        speed: speed(layers),
        local: layers.value("UPSTREAM_ALLOWED_HOSTS", LocalOrigins::default(), local),
    }
}

/// The speed test; without a server there is none.
fn speed(layers: &mut Layers) -> Option<Plan> {
    let method = layers.value("SPEED_TEST_METHOD", Method::Http, method);
    let server = layers.optional("SPEED_TEST_SERVER", |text| server(method, text));
    let every_s = layers.value("SPEED_TEST_EVERY", SPEED_EVERY_S, speed_every);
    let least_down_kbit_s = layers.optional("SPEED_TEST_LEAST_DOWN_MBIT", mbit);
    let least_up_kbit_s = layers.optional("SPEED_TEST_LEAST_UP_MBIT", mbit);
    Some(Plan { method, server: server?, every_s, least_down_kbit_s, least_up_kbit_s })
}

fn method(text: &str) -> Result<Method, String> {
    Method::parse(text).ok_or_else(|| "must be http, librespeed or iperf3".to_owned())
}

fn server(method: Method, text: &str) -> Result<String, String> {
    match method {
        Method::Http => values::url(text, "https://speed.example.org/100MB.bin"),
        Method::LibreSpeed => values::url(text, "https://librespeed.example.org/backend"),
        Method::Iperf3 => {
            let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
            let good = text.chars().all(is_host) && !text.starts_with('-') && text.len() <= 253;
            good.then(|| text.to_owned())
                .ok_or_else(|| "must be a host, perhaps with a port, for example speed.lan:5201".to_owned())
        }
    }
}

fn speed_every(text: &str) -> Result<u32, String> {
    let seconds = domain::duration::parse(text).ok().filter(|s| SPEED_EVERY_RANGE_S.contains(s));
    seconds.and_then(|s| u32::try_from(s).ok()).ok_or_else(|| "must be a duration from 10m to 7d, for example 6h".to_owned())
}

fn mbit(text: &str) -> Result<i64, String> {
    let mbit = text.parse::<i64>().ok().filter(|n| (1..=1_000_000).contains(n));
    mbit.map(|n| n * 1_000).ok_or_else(|| "must be a whole number of Mbit/s from 1 to 1000000".to_owned())
}

fn every(text: &str) -> Result<u32, String> {
    let seconds = domain::duration::parse(text).ok().filter(|s| EVERY_RANGE_S.contains(s));
    seconds.and_then(|s| u32::try_from(s).ok()).ok_or_else(|| "must be a duration from 10s to 1d, for example 5m".to_owned())
}

fn servers(text: &str) -> Result<Vec<IpAddr>, String> {
    let parsed: Result<Vec<IpAddr>, _> = values::parts(text).map(str::parse).collect();
    let fix = || format!("must be at most {TARGETS_MAX} addresses, for example 8.8.8.8, 1.1.1.1");
    parsed.ok().filter(|all| all.len() <= TARGETS_MAX).ok_or_else(fix)
}

fn endpoints(text: &str) -> Result<Vec<Endpoint>, String> {
    let all: Vec<Endpoint> = values::parts(text).map(Endpoint::parse).collect::<Result<_, _>>()?;
    if all.len() <= TARGETS_MAX {
        Ok(all)
    } else {
        Err(format!("must be at most {TARGETS_MAX} endpoints, these are {}", all.len()))
    }
}

fn gateway(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| "must be the address of your router, for example 192.168.1.1".to_owned())
}

fn local(text: &str) -> Result<LocalOrigins, String> {
    LocalOrigins::parse(&values::parts(text).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_checked_and_told_with_its_fix() {
        assert_eq!((every("5m"), every("10s")), (Ok(300), Ok(10)));
        for wrong in ["", "9s", "2d", "often"] {
            assert!(every(wrong).is_err(), "{wrong}");
        }
        assert_eq!(servers("9.9.9.9 2620:fe::fe").map(|all| all.len()), Ok(2));
        assert!(servers("dns.google").is_err() && servers(&"1.1.1.1 ".repeat(TARGETS_MAX + 1)).is_err());
        assert_eq!(endpoints("http://a/#204, http://b/#200:ok").map(|all| all.len()), Ok(2));
        assert!(endpoints("http://a/").is_err() && endpoints(&"http://a/#204 ".repeat(TARGETS_MAX + 1)).is_err());
        assert!(server(Method::Iperf3, "speed.lan:5201").is_ok() && server(Method::Iperf3, "-c evil").is_err());
        assert!(server(Method::Http, "speed.lan").is_err() && method("ookla").is_err());
        assert_eq!((mbit("50"), speed_every("6h")), (Ok(50_000), Ok(21_600)));
        assert!(mbit("0").is_err() && mbit("fast").is_err() && speed_every("9m").is_err());
        assert!(gateway("192.168.1.1").is_ok() && gateway("router").is_err());
        assert!(local("http://127.0.0.1:9000 http://localhost:3001").is_ok() && local("http://192.0.2.1").is_err());
    }
}
