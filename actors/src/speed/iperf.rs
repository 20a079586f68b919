//! Speed by the `iperf3` of this machine: run twice, once each way, and its JSON read.

use super::{Meter, Speed};
use futures_util::future::LocalBoxFuture;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

/// How long it measures, each way.
const SECONDS: &str = "5";
/// How long it may take.
const RUN_MS: u64 = 25_000;
/// Its answer about five seconds is about ten thousand.
const OUTPUT_MAX_BYTES: u64 = 1 << 20;

/// An iperf3 server.
#[derive(Clone)]
pub(super) struct Iperf {
    host: String,
    port: Option<String>,
}

impl Iperf {
    /// `host`, `host:port`, `[address]:port` or an address.
    pub(super) fn new(server: &str) -> Iperf {
        let (host, port) = match server.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None => match server.rsplit_once(':') {
                Some((host, port)) if !host.contains(':') => (host, Some(port)),
                _ => (server, None),
            },
        };
        Iperf { host: host.to_owned(), port: port.map(str::to_owned) }
    }

    async fn run(&self, reverse: bool) -> Result<i64, String> {
        let mut command = Command::new("iperf3");
        command.args(["-J", "-t", SECONDS, "--connect-timeout", "5000", "-c", &self.host]);
        command.args(self.port.iter().flat_map(|port| ["-p", port.as_str()]));
        command.args(reverse.then_some("-R"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|e| format!("iperf3 cannot be run here: {e}"))?;
        let output = child.stdout.take().ok_or("iperf3 has no output")?;
        let read = async {
            let mut text = String::new();
            output.take(OUTPUT_MAX_BYTES).read_to_string(&mut text).await.map_err(|e| e.to_string())?;
            child.wait().await.map_err(|e| e.to_string())?;
            Ok::<String, String>(text)
        };
        let text = tokio::time::timeout(Duration::from_millis(RUN_MS), read).await;
        told(&text.map_err(|_| format!("iperf3 did not end within {RUN_MS} ms"))??)
    }
}

impl Meter for Iperf {
    fn measure(&self) -> LocalBoxFuture<'static, Result<Speed, String>> {
        let iperf = self.clone();
        Box::pin(async move {
            let down = iperf.run(true).await?;
            let up = iperf.run(false).await?;
            Ok(Speed { down_kbit_s: Some(down), up_kbit_s: Some(up) })
        })
    }
}

/// kbit/s as the receiving side counted them.
fn told(text: &str) -> Result<i64, String> {
    let answer: serde_json::Value = serde_json::from_str(text).map_err(|_| "iperf3 said nothing that can be read".to_owned())?;
    if let Some(error) = answer["error"].as_str() {
        return Err(format!("iperf3: {error}"));
    }
    let bits = answer["end"]["sum_received"]["bits_per_second"].as_f64().filter(|bits| bits.is_finite() && *bits >= 0.0);
    bits.map(|bits| (bits / 1_000.0) as i64).ok_or_else(|| "iperf3 told no figure".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_and_perhaps_a_port() {
        for (server, host, port) in [
            ("speed.lan", "speed.lan", None),
            ("speed.lan:5202", "speed.lan", Some("5202")),
            ("192.0.2.1:5202", "192.0.2.1", Some("5202")),
            ("2001:db8::1", "2001:db8::1", None),
            ("[2001:db8::1]:5202", "2001:db8::1", Some("5202")),
        ] {
            let iperf = Iperf::new(server);
            assert_eq!((iperf.host.as_str(), iperf.port.as_deref()), (host, port), "{server}");
        }
    }

    #[test]
    fn its_answer_is_a_figure_or_its_own_error() {
        assert_eq!(told(r#"{"end":{"sum_received":{"bits_per_second":94123456.7}}}"#), Ok(94_123));
        assert_eq!(told(r#"{"error":"unable to connect to server"}"#), Err("iperf3: unable to connect to server".into()));
        for rubbish in ["", "{}", "null", "[]", r#"{"end":{"sum_received":{"bits_per_second":-1}}}"#, "iperf3: error"] {
            assert!(told(rubbish).is_err(), "{rubbish}");
        }
    }

    /// Against a real server, where there is one.
    #[actix_rt::test]
    async fn a_real_iperf3_server_is_measured_both_ways() {
        let server = Command::new("iperf3")
            .args(["-s", "-p", "52019", "-B", "127.0.0.1"])
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let Ok(_server) = server else {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "iperf3 is not installed (scripts/install-test-tools.sh)");
            println!("NOT PROVED: iperf3 is not installed");
            return;
        };
        tokio::time::sleep(Duration::from_millis(500)).await;
        let speed = Iperf::new("127.0.0.1:52019").measure().await.unwrap();
        assert!(
            speed.down_kbit_s.is_some_and(|kbit| kbit > 1_000) && speed.up_kbit_s.is_some_and(|kbit| kbit > 1_000),
            "{speed:?}"
        );
    }
}
