//! The gateway: which one it is, and whether it answers. Ping first; where the hub may not ping, or the gateway ignores pings, a
//! connection that is accepted or refused shows life as well.

use super::ping::{self, Pinged};
use super::reach::{Knock, knock};
use crate::clock::Clock;
use domain::uplink::{Gateway, Probe};
use futures_util::future::join_all;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Ports at which routers listen, or refuse: SSH is left out, a knock there counts as an attack.
const PORTS: [u16; 3] = [53, 80, 443];
/// The kernel tries again after one second.
const KNOCK_MS: u64 = 2_500;
const ROUTES: &str = "/proc/net/route";
/// `RTF_UP` and `RTF_GATEWAY`.
const UP_AND_GATEWAY: u32 = 0x3;

pub(super) async fn probe(set: Option<IpAddr>, clock: &Clock) -> Probe<Gateway> {
    let address = match set.map_or_else(default_gateway, |address| Ok(Some(address))) {
        Ok(Some(address)) => address,
        Ok(None) => return Probe { target: "of the routing table".to_owned(), heard: Gateway::NoRoute },
        Err(why) => return Probe { target: "of the routing table".to_owned(), heard: Gateway::NotPermitted(why) },
    };
    let began = clock.steady();
    let (pinged, knocks) = tokio::join!(ping::ping(address), knocks(address));
    let heard = weigh(pinged, &knocks, clock.steady().since_ms(began));
    Probe { target: address.to_string(), heard }
}

async fn knocks(address: IpAddr) -> Vec<Knock> {
    join_all(PORTS.map(|port| knock(SocketAddr::new(address, port), KNOCK_MS))).await
}

fn weigh(pinged: Pinged, knocks: &[Knock], ms: i64) -> Gateway {
    if pinged == Pinged::Answered {
        return Gateway::Answered("ping", ms);
    }
    if knocks.iter().any(|knock| matches!(knock, Knock::Accepted)) {
        return Gateway::Answered("TCP accepted", ms);
    }
    if knocks.iter().any(|knock| matches!(knock, Knock::Refused)) {
        return Gateway::Answered("TCP refused", ms);
    }
    let gone = knocks.iter().find_map(|knock| match knock {
        Knock::NotThere(why) => Some(why.clone()),
        _ => None,
    });
    match (pinged, gone) {
        (Pinged::NotPermitted(why), None) => Gateway::NotPermitted(why),
        // The kernel itself says that nobody has this address on the local network: no ping is needed for that.
        (_, Some(why)) => Gateway::Silent(why),
        (Pinged::Silent(why), None) => Gateway::Silent(why),
        (Pinged::Answered, None) => Gateway::Answered("ping", ms),
    }
}

/// The gateway of the default route with the lowest metric.
fn default_gateway() -> Result<Option<IpAddr>, String> {
    let table = std::fs::read_to_string(ROUTES).map_err(|e| format!("{ROUTES} cannot be read: {e}"))?;
    Ok(gateway_in(&table).map(IpAddr::V4))
}

fn gateway_in(table: &str) -> Option<Ipv4Addr> {
    let routes = table.lines().skip(1).filter_map(route);
    routes.min_by_key(|(metric, _)| *metric).map(|(_, gateway)| gateway)
}

/// Metric and gateway of a default route. Addresses are in the machine's byte order.
fn route(line: &str) -> Option<(u32, Ipv4Addr)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let hex = |at: usize| u32::from_str_radix(fields.get(at)?, 16).ok();
    let (destination, gateway, flags, mask) = (hex(1)?, hex(2)?, hex(3)?, hex(7)?);
    let metric = fields.get(6)?.parse().ok()?;
    let is_default = destination == 0 && mask == 0 && flags & UP_AND_GATEWAY == UP_AND_GATEWAY;
    is_default.then(|| (metric, Ipv4Addr::from(gateway.to_ne_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

    fn line(gateway: [u8; 4], flags: &str, metric: u32, mask: &str) -> String {
        format!("eth0\t00000000\t{:08X}\t{flags}\t0\t0\t{metric}\t{mask}\t0\t0\t0\n", u32::from_ne_bytes(gateway))
    }

    #[test]
    fn the_default_route_with_the_lowest_metric_has_the_gateway() {
        let table = [
            HEAD.to_owned(),
            line([192, 0, 2, 9], "0003", 600, "00000000"),
            line([192, 0, 2, 1], "0003", 100, "00000000"),
            line([192, 0, 2, 5], "0001", 0, "00000000"), // no gateway
            line([192, 0, 2, 6], "0003", 0, "000000FF"), // no default route
        ];
        assert_eq!(gateway_in(&table.concat()), Some(Ipv4Addr::new(192, 0, 2, 1)));
    }

    #[test]
    fn a_table_without_a_default_route_or_with_rubbish_has_none() {
        for table in ["", HEAD, "x\ny z\n", &format!("{HEAD}eth0 0000000000 0 zz 0 0 0 0")] {
            assert_eq!(gateway_in(table), None, "{table}");
        }
    }

    #[test]
    fn no_permission_to_ping_is_never_silence_unless_the_network_says_so() {
        let denied = || Pinged::NotPermitted("EACCES".into());
        let unknown = weigh(denied(), &[Knock::Nothing, Knock::Nothing], 1);
        assert_eq!(unknown, Gateway::NotPermitted("EACCES".into()));
        assert_eq!(weigh(denied(), &[Knock::Nothing, Knock::Refused], 1), Gateway::Answered("TCP refused", 1));
        assert_eq!(weigh(denied(), &[Knock::NotThere("no route to host".into())], 1), Gateway::Silent("no route to host".into()));
        let silent = || Pinged::Silent("3 pings".into());
        assert_eq!(weigh(silent(), &[Knock::Nothing], 1), Gateway::Silent("3 pings".into()));
        assert_eq!(weigh(silent(), &[Knock::Accepted], 1), Gateway::Answered("TCP accepted", 1));
        assert_eq!(weigh(Pinged::Answered, &[Knock::Nothing], 1), Gateway::Answered("ping", 1));
    }
}
