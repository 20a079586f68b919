//! A small internet: the hub's namespace, its router's, and the one with everything else. Gone with this value.

use super::server;
use crate::api::KEY;
use crate::process::{HubProcess, pulsewarden, wait_for};
use serde_json::Value;
use std::cell::RefCell;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Of the other side: two DNS servers and a web server.
const DNS: [&str; 2] = ["203.0.113.53", "203.0.113.54"];
const WEB: &str = "203.0.113.80";
/// Where the portal listens on the router.
const PORTAL: &str = "8088";
const TOOLS: [&str; 4] = ["ip", "iptables", "dnsmasq", "curl"];

/// Three namespaces and what runs in them.
pub(super) struct Net {
    name: String,
    folder: tempfile::TempDir,
    hub: Option<HubProcess>,
    servers: Vec<Running>,
    dns: RefCell<Vec<Running>>,
}

/// A process that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Why no network can be built here.
pub(super) fn missing() -> Option<String> {
    let absent = TOOLS.into_iter().find(|tool| !try_run(&["sh", "-c", &format!("command -v {tool}")]));
    if let Some(tool) = absent {
        return Some(format!("{tool} is not installed (scripts/install-test-tools.sh)"));
    }
    let name = format!("pw{}try", std::process::id());
    let made = try_run(&["ip", "netns", "add", &name]) && try_run(&["ip", "netns", "exec", &name, "iptables", "-L", "-n"]);
    try_run(&["ip", "netns", "del", &name]);
    (!made).then(|| "network namespaces are not allowed".to_owned())
}

fn try_run(words: &[&str]) -> bool {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn run(words: &[&str]) {
    let done = Command::new(words[0]).args(&words[1..]).stdin(Stdio::null()).output();
    let done = done.unwrap_or_else(|e| panic!("{words:?}: {e}"));
    assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
}

impl Net {
    /// Builds the network and starts the hub in it.
    pub(super) fn build(name: &str) -> Net {
        let name = format!("pw{}{name}", std::process::id());
        let folder = tempfile::tempdir().expect("a folder");
        let mut net = Net { name, folder, hub: None, servers: Vec::new(), dns: RefCell::default() };
        net.lay_cables();
        net.servers.push(net.serve("net", &format!("{WEB}:80"), false));
        net.servers.push(net.serve("router", &format!("0.0.0.0:{PORTAL}"), true));
        net.start_dns();
        net.hub = Some(net.start_hub());
        net
    }

    fn space(&self, which: &str) -> String {
        format!("{}-{which}", self.name)
    }

    fn lay_cables(&self) {
        let (hub, router, net) = (self.space("hub"), self.space("router"), self.space("net"));
        for space in [&hub, &router, &net] {
            run(&["ip", "netns", "add", space]);
            run(&["ip", "-n", space, "link", "set", "lo", "up"]);
        }
        self.cable((&hub, "eth0", "10.91.1.2/24"), (&router, "lan", "10.91.1.1/24"));
        self.cable((&router, "wan", "10.91.2.1/24"), (&net, "eth0", "10.91.2.2/24"));
        run(&["ip", "-n", &hub, "route", "add", "default", "via", "10.91.1.1"]);
        run(&["ip", "-n", &router, "route", "add", "203.0.113.0/24", "via", "10.91.2.2"]);
        run(&["ip", "-n", &net, "route", "add", "10.91.1.0/24", "via", "10.91.2.1"]);
        for address in DNS.iter().chain([&WEB]) {
            run(&["ip", "-n", &net, "addr", "add", &format!("{address}/32"), "dev", "lo"]);
        }
        run(&["ip", "netns", "exec", &router, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
        // What `ip netns exec` shows as /etc/resolv.conf.
        let etc = Path::new("/etc/netns").join(&hub);
        std::fs::create_dir_all(&etc).expect("a folder below /etc/netns");
        let servers: String = DNS.iter().map(|server| format!("nameserver {server}\n")).collect();
        std::fs::write(etc.join("resolv.conf"), servers).expect("a resolv.conf");
    }

    /// A pair of interfaces, one in each namespace, with names that stay below what the kernel takes.
    fn cable(&self, a: (&str, &str, &str), b: (&str, &str, &str)) {
        run(&["ip", "-n", a.0, "link", "add", "name", a.1, "type", "veth", "peer", "name", b.1, "netns", b.0]);
        for (space, interface, address) in [a, b] {
            run(&["ip", "-n", space, "addr", "add", address, "dev", interface]);
            run(&["ip", "-n", space, "link", "set", interface, "up"]);
        }
    }

    fn within(&self, which: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.space(which)]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn serve(&self, which: &str, address: &str, portal: bool) -> Running {
        let mut command = self.within(which);
        server::describe(&mut command, address, portal);
        Running(command.spawn().expect("a web server"))
    }

    /// Starts both DNS servers.
    pub(super) fn start_dns(&self) {
        let one = |server: &&str| {
            let mut command = self.within("net");
            let listen = format!("--listen-address={server}");
            command.args([
                "dnsmasq",
                "--keep-in-foreground",
                "--no-resolv",
                "--no-hosts",
                "--bind-interfaces",
                "--pid-file=",
                &listen,
            ]);
            command.args([&format!("--address=/one.one.one.one/{WEB}"), &format!("--address=/example.net/{WEB}")]);
            Running(command.spawn().expect("dnsmasq"))
        };
        self.dns.replace(DNS.iter().map(one).collect());
    }

    /// Nobody resolves names any more; the addresses stay.
    pub(super) fn stop_dns(&self) {
        self.dns.borrow_mut().clear();
    }

    fn start_hub(&self) -> HubProcess {
        let inner = pulsewarden(self.folder.path());
        let mut command = self.within("hub");
        command.arg(inner.get_program()).arg("serve").current_dir(self.folder.path()).env_clear();
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))));
        command.env("PATH", std::env::var("PATH").unwrap_or_default()).env("API_KEY", KEY);
        command.env("INTERNET_MONITOR", "true").env("INTERNET_EVERY", "10s").env("INTERNET_DNS_SERVERS", DNS.join(","));
        command.env("INTERNET_ENDPOINTS", "http://a.example.net/generate_204#204,http://b.example.net/success.txt#200:success");
        // Its port is in another namespace: nobody here can ask whether it is healthy.
        HubProcess::try_start_by(command, self.folder.path(), |_| self.folder.path().join("data")).expect("the hub starts")
    }

    /// What the hub answers to somebody in its own namespace.
    pub(super) fn get(&self, path: &str) -> String {
        let address = &self.hub.as_ref().expect("a hub").address;
        let header = format!("Authorization: Bearer {KEY}");
        let mut command = self.within("hub");
        command.args(["curl", "-s", "-m", "10", "-H", &header, &format!("http://{address}{path}")]).stdout(Stdio::piped());
        let done = command.output().expect("curl runs");
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    pub(super) fn internet(&self) -> Value {
        serde_json::from_str(&self.get("/api/v1/internet")).unwrap_or_default()
    }

    pub(super) fn wait_for_verdict(&self, verdict: &str, patience: Duration) -> Value {
        let look = || {
            std::thread::sleep(Duration::from_millis(500));
            let seen = self.internet();
            (seen["verdict"] == verdict && seen["in_doubt"] == false).then_some(seen)
        };
        wait_for(patience, look).unwrap_or_else(|| {
            let log = self.hub.as_ref().map(HubProcess::log).unwrap_or_default();
            panic!("{}: not {verdict} but {}: {log}", self.name, self.internet())
        })
    }

    fn router(&self, words: &[&str]) {
        let space = self.space("router");
        run(&[&["ip", "netns", "exec", &space], words].concat());
    }

    /// The router is gone from the hub's network.
    pub(super) fn unplug_router(&self) {
        run(&["ip", "-n", &self.space("router"), "addr", "flush", "dev", "lan"]);
        // As a router that lost its power: it answers nothing, and its neighbours forget it.
        self.router(&["iptables", "-A", "INPUT", "-i", "lan", "-j", "DROP"]);
        self.router(&["iptables", "-A", "FORWARD", "-i", "lan", "-j", "DROP"]);
    }

    pub(super) fn plug_router(&self) {
        run(&["ip", "-n", &self.space("router"), "addr", "add", "10.91.1.1/24", "dev", "lan"]);
        self.router(&["iptables", "-F"]);
    }

    /// Nothing comes back from behind the router.
    pub(super) fn cut_provider(&self) {
        run(&["ip", "-n", &self.space("router"), "link", "set", "wan", "down"]);
    }

    pub(super) fn mend_provider(&self) {
        run(&["ip", "-n", &self.space("router"), "link", "set", "wan", "up"]);
        run(&["ip", "-n", &self.space("router"), "route", "replace", "203.0.113.0/24", "via", "10.91.2.2"]);
    }

    /// The router sends everybody to its login page.
    pub(super) fn open_portal(&self) {
        self.router(&[
            "iptables",
            "-t",
            "nat",
            "-A",
            "PREROUTING",
            "-p",
            "tcp",
            "--dport",
            "80",
            "-j",
            "REDIRECT",
            "--to-ports",
            PORTAL,
        ]);
    }

    pub(super) fn close_portal(&self) {
        self.router(&["iptables", "-t", "nat", "-F"]);
    }

    /// One packet in ten is lost, each way.
    pub(super) fn lose_a_tenth(&self) {
        self.router(&["iptables", "-A", "FORWARD", "-m", "statistic", "--mode", "random", "--probability", "0.1", "-j", "DROP"]);
        self.router(&["iptables", "-A", "INPUT", "-m", "statistic", "--mode", "random", "--probability", "0.1", "-j", "DROP"]);
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        self.hub = None;
        self.servers.clear();
        self.dns.borrow_mut().clear();
        for which in ["hub", "router", "net"] {
            try_run(&["ip", "netns", "del", &self.space(which)]);
        }
        drop(std::fs::remove_dir_all(Path::new("/etc/netns").join(self.space("hub"))));
    }
}
