//! The verdict as a table of cases, and the laws that hold for every round.

use super::*;
use proptest::prelude::*;

fn dns(heard: &[Dns]) -> Vec<Probe<Dns>> {
    let servers = ["8.8.8.8", "1.1.1.1"];
    servers.iter().zip(heard).map(|(server, heard)| Probe { target: (*server).into(), heard: heard.clone() }).collect()
}

fn reach(heard: &[Reach]) -> Vec<Probe<Reach>> {
    heard.iter().map(|heard| Probe { target: "1.1.1.1:443".into(), heard: heard.clone() }).collect()
}

fn web(heard: &[Web]) -> Vec<Probe<Web>> {
    heard.iter().map(|heard| Probe { target: "http://probe.example/".into(), heard: heard.clone() }).collect()
}

fn gateway(heard: Gateway) -> Option<Probe<Gateway>> {
    Some(Probe { target: "192.168.1.1".into(), heard })
}

fn no() -> String {
    "no answer within 2 s".into()
}

/// Dead air outside.
fn cut(gateway_heard: Gateway) -> Round {
    Round {
        dns: dns(&[Dns::Silent(no()), Dns::Silent(no())]),
        reach: reach(&[Reach::Silent(no())]),
        web: web(&[Web::NoName(no()), Web::NoName(no())]),
        gateway: gateway(gateway_heard),
    }
}

fn well() -> Round {
    Round {
        dns: dns(&[Dns::Resolved(9), Dns::Resolved(11)]),
        reach: reach(&[Reach::Answered(8)]),
        web: web(&[Web::AsExpected(20), Web::AsExpected(30)]),
        gateway: gateway(Gateway::Answered("ping", 1)),
    }
}

#[test]
fn each_kind_of_outage_has_its_verdict() {
    let portal = Web::Otherwise("302 to http://login.example/".into());
    let cases: Vec<(&str, Round, Verdict)> = vec![
        ("everything answers", well(), Verdict::Online),
        ("one DNS server is ill", Round { dns: dns(&[Dns::Silent(no()), Dns::Resolved(9)]), ..well() }, Verdict::Online),
        (
            "port 53 is filtered, names work",
            Round { dns: dns(&[Dns::Silent(no()), Dns::Silent(no())]), ..well() },
            Verdict::Online,
        ),
        ("one endpoint is down", Round { web: web(&[Web::Silent(no()), Web::AsExpected(9)]), ..well() }, Verdict::Online),
        ("one endpoint changed its answer", Round { web: web(&[portal.clone(), Web::AsExpected(9)]), ..well() }, Verdict::Online),
        ("the gateway answers no ping", Round { gateway: gateway(Gateway::Silent(no())), ..well() }, Verdict::Online),
        ("no permission to ping", Round { gateway: gateway(Gateway::NotPermitted("EACCES".into())), ..well() }, Verdict::Online),
        ("no gateway known", Round { gateway: None, ..well() }, Verdict::Online),
        ("the cable is out", cut(Gateway::Silent(no())), Verdict::Gateway),
        ("the provider is out", cut(Gateway::Answered("ping", 1)), Verdict::Isp),
        ("the provider is out, seen by TCP", cut(Gateway::Answered("refused TCP", 1)), Verdict::Isp),
        ("cut, and no permission to ping", cut(Gateway::NotPermitted("EACCES".into())), Verdict::Offline),
        ("no route", cut(Gateway::NoRoute), Verdict::Offline),
        ("cut, no gateway known", Round { gateway: None, ..cut(Gateway::NoRoute) }, Verdict::Offline),
        (
            "both DNS servers dead, addresses answer",
            Round { reach: reach(&[Reach::Answered(8)]), ..cut(Gateway::Answered("ping", 1)) },
            Verdict::Dns,
        ),
        (
            "DNS servers refuse",
            Round { dns: dns(&[Dns::Refused("REFUSED".into()), Dns::Silent(no())]), ..cut(Gateway::Silent(no())) },
            Verdict::Dns,
        ),
        ("the own resolver is dead", Round { web: web(&[Web::NoName(no())]), ..well() }, Verdict::Dns),
        ("a portal redirects", Round { web: web(&[portal.clone(), portal.clone()]), ..well() }, Verdict::CaptivePortal),
        (
            "a portal, and TLS breaks",
            Round { web: web(&[portal, Web::Broken("certificate of another".into())]), ..well() },
            Verdict::CaptivePortal,
        ),
        ("the web alone is filtered", Round { web: web(&[Web::Silent(no()), Web::Silent(no())]), ..well() }, Verdict::Isp),
        ("no endpoint is set", Round { web: Vec::new(), ..well() }, Verdict::Online),
        ("nothing was asked", Round::default(), Verdict::Offline),
    ];
    for (name, round, expected) in cases {
        let judged = judge(&round);
        assert_eq!(judged.verdict, expected, "{name}: {}", judged.in_words());
        assert!(!judged.evidence[0].is_empty(), "{name}");
    }
}

#[test]
fn an_endpoint_by_address_proves_that_only_names_fail() {
    let mut round = cut(Gateway::Answered("ping", 1));
    round.web.push(Probe { target: "http://192.0.2.7:8080/x".into(), heard: Web::AsExpected(4) });
    assert_eq!(judge(&round).verdict, Verdict::Dns);
    for target in ["http://192.0.2.7/", "http://192.0.2.7:80/x", "http://[2001:db8::1]/", "http://[2001:db8::1]:80/", "1.1.1.1"] {
        assert!(is_address(target), "{target}");
    }
    for target in ["http://example.org/", "http://example.org:80/1.1.1.1", "http://1.1.1.1.example/"] {
        assert!(!is_address(target), "{target}");
    }
}

#[test]
fn the_evidence_says_who_was_asked_and_what_was_heard() {
    let judged = judge(&cut(Gateway::NotPermitted("ping_group_range".into())));
    assert_eq!(
        judged.evidence[..3],
        [
            "nothing answers; whether the gateway does is not known: the hub has no permission to ping",
            "gateway 192.168.1.1: not known: no permission to ping (ping_group_range)",
            "DNS 8.8.8.8: no answer (no answer within 2 s)",
        ]
    );
}

#[test]
fn every_word_names_its_verdict() {
    for verdict in Verdict::ALL {
        assert_eq!(Verdict::parse(verdict.as_str()), Some(verdict));
    }
    assert_eq!(Verdict::parse("up"), None);
}

fn any_dns() -> impl Strategy<Value = Dns> {
    prop_oneof![Just(Dns::Resolved(1)), Just(Dns::Refused("x".into())), Just(Dns::Silent("x".into()))]
}

fn any_web() -> impl Strategy<Value = Web> {
    prop_oneof![
        Just(Web::AsExpected(1)),
        Just(Web::Otherwise("x".into())),
        Just(Web::NoName("x".into())),
        Just(Web::Broken("x".into())),
        Just(Web::Silent("x".into())),
    ]
}

fn any_gateway() -> impl Strategy<Value = Option<Probe<Gateway>>> {
    prop_oneof![
        Just(None),
        Just(gateway(Gateway::Answered("ping", 1))),
        Just(gateway(Gateway::Silent("x".into()))),
        Just(gateway(Gateway::NotPermitted("x".into()))),
        Just(gateway(Gateway::NoRoute)),
    ]
}

fn any_round() -> impl Strategy<Value = Round> {
    let reaches = prop::collection::vec(prop_oneof![Just(Reach::Answered(1)), Just(Reach::Silent("x".into()))], 0..3);
    let all = (prop::collection::vec(any_dns(), 0..3), reaches, prop::collection::vec(any_web(), 0..5), any_gateway());
    all.prop_map(|(d, r, w, gateway)| Round { dns: dns(&d), reach: reach(&r), web: web(&w), gateway })
}

proptest! {
    #[test]
    fn no_permission_to_ping_never_makes_the_gateway_down(mut round in any_round()) {
        round.gateway = gateway(Gateway::NotPermitted("x".into()));
        prop_assert_ne!(judge(&round).verdict, Verdict::Gateway);
    }

    #[test]
    fn what_answers_as_expected_by_name_is_online_whatever_else_fails(mut round in any_round()) {
        round.web.push(Probe { target: "http://probe.example/".into(), heard: Web::AsExpected(1) });
        prop_assert_eq!(judge(&round).verdict, Verdict::Online);
    }

    #[test]
    fn the_gateway_is_blamed_only_when_nothing_outside_was_heard(round in any_round()) {
        if judge(&round).verdict == Verdict::Gateway {
            prop_assert!(round.dns.iter().all(|probe| matches!(probe.heard, Dns::Silent(_))));
            prop_assert!(round.reach.iter().all(|probe| matches!(probe.heard, Reach::Silent(_))));
            prop_assert!(round.web.iter().all(|probe| matches!(probe.heard, Web::NoName(_) | Web::Silent(_))));
        }
    }

    #[test]
    fn the_order_of_probes_does_not_matter(round in any_round()) {
        let mut turned = round.clone();
        turned.dns.reverse();
        turned.reach.reverse();
        turned.web.reverse();
        prop_assert_eq!(judge(&turned).verdict, judge(&round).verdict);
    }

    #[test]
    fn every_probe_is_in_the_evidence(round in any_round()) {
        let probes = round.dns.len() + round.reach.len() + round.web.len() + round.gateway.iter().count();
        prop_assert_eq!(judge(&round).evidence.len(), probes + 1);
    }
}
