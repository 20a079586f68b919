//! The real binary over a real port, for tests and the benchmark: started in a folder of its own, killed with this value.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a hub may take to start before the test gives up on it: generous, because machines are shared.
const PATIENCE: Duration = Duration::from_secs(60);

/// A hub process.
pub struct HubProcess {
    child: Child,
    /// `127.0.0.1:port`.
    pub address: String,
    /// From the spawn to the first healthy answer.
    pub started_in: Duration,
    began: Instant,
    folder: PathBuf,
}

impl HubProcess {
    /// Starts the hub in `folder` and returns when it answers healthily.
    pub fn start(folder: &Path, env: &[(&str, &str)]) -> HubProcess {
        let mut command = pulsewarden(folder);
        command.arg("serve").envs(env.iter().copied());
        HubProcess::start_by(command, folder, |_| folder.join("data"))
    }

    /// Starts the hub in `folder` by another command whose process it becomes; `data` is where its data folder is seen from here.
    pub fn start_by(command: Command, folder: &Path, data: impl Fn(&Child) -> PathBuf) -> HubProcess {
        let mut hub = HubProcess::try_start_by(command, folder, data).unwrap_or_else(|status| {
            let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            panic!("the hub ended at its start with {status}: {log}")
        });
        wait_for(PATIENCE, || is_healthy(&hub.address).then_some(())).expect("the hub answers");
        hub.started_in = stopwatch() - hub.began;
        hub
    }

    /// Like [`HubProcess::start_by`] for a hub that may refuse to start: it says where it listens, or how it ended.
    pub fn try_start_by(mut command: Command, folder: &Path, data: impl Fn(&Child) -> PathBuf) -> Result<HubProcess, ExitStatus> {
        let began = stopwatch();
        drop(std::fs::remove_file(folder.join("data/hub.json")));
        let log = OpenOptions::new().create(true).append(true).open(folder.join("log")).expect("a log file");
        let output = OpenOptions::new().create(true).append(true).open(folder.join("out")).expect("a file for what it prints");
        let mut child = command.stdout(output).stderr(log).spawn().expect("the hub starts");
        let address = wait_for(PATIENCE, || match child.try_wait() {
            Ok(Some(status)) => Some(Err(status)),
            _ => address_in(&data(&child)).map(Ok),
        });
        let address = address.unwrap_or_else(|| {
            drop(child.kill());
            panic!("the hub neither says where it listens nor ends")
        })?;
        Ok(HubProcess { child, address, began, started_in: stopwatch() - began, folder: folder.to_path_buf() })
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits until it has ended.
    pub fn wait_for_end(&mut self) -> Option<ExitStatus> {
        wait_for(PATIENCE, || self.ended())
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("it is ours");
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it as a power button would.
    pub fn kill(mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Asks it to stop and waits for its exit code.
    pub fn terminate(mut self) -> Option<i32> {
        self.signal(rustix::process::Signal::TERM);
        self.wait_for_end().expect("it stops").code()
    }

    /// What it has logged so far, over all its lives in this folder.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for HubProcess {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The binary, to be run in `folder` with nothing of this process's configuration.
pub fn pulsewarden(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pulsewarden"));
    command.current_dir(folder).env_clear();
    for kept in ["PATH", "HOME", "TZ", "LD_PRELOAD"] {
        if let Ok(value) = std::env::var(kept) {
            command.env(kept, value);
        }
    }
    command.env("API_HOST", "127.0.0.1").env("API_PORT", "0").env("LOG_LEVEL", "INFO");
    // A machine of tests may have no uplink, and no test of something else may hear of that.
    command.env("INTERNET_MONITOR", "false");
    command.stdin(Stdio::null());
    command
}

fn address_in(data: &Path) -> Option<String> {
    let text = std::fs::read_to_string(data.join("hub.json")).ok()?;
    let hub: serde_json::Value = serde_json::from_str(&text).ok()?;
    Some(hub["url"].as_str()?.trim_start_matches("http://").trim_end_matches('/').to_owned())
}

fn is_healthy(address: &str) -> bool {
    Client::new(address).send("GET", "/api/v1/health", &[], b"").is_ok_and(|a| a.status == 200)
}

/// Whether the long forms are wanted, which `make torture` runs: there the promised figures are asserted too.
pub fn is_torture() -> bool {
    std::env::var("PULSEWARDEN_TORTURE").is_ok_and(|value| value == "1")
}

/// Looks every few milliseconds until there is something, or patience ends.
pub fn wait_for<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = stopwatch() + patience;
    while stopwatch() < end {
        if let Some(found) = look() {
            return Some(found);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

/// Real time, for tests of the real program.
#[allow(clippy::disallowed_methods, reason = "outside the hub there is only the real clock")]
pub fn stopwatch() -> Instant {
    Instant::now()
}

/// A blocking HTTP/1.1 client that keeps its connection: small enough to be an oracle.
pub struct Client {
    address: String,
    stream: Option<BufReader<TcpStream>>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Header lines, lower-case names.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON, null if it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The header `name`, lower-case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

impl Client {
    /// A client for `address`; it connects when it first sends.
    pub fn new(address: &str) -> Client {
        Client { address: address.to_owned(), stream: None }
    }

    /// Talks to `address` from now on; a connection to another one is closed.
    pub fn go_to(&mut self, address: &str) {
        if self.address != address {
            *self = Client::new(address);
        }
    }

    /// Sends one request and reads its whole answer.
    pub fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> std::io::Result<Answer> {
        let done = self.exchange(method, path, headers, body);
        if !done.as_ref().is_ok_and(|answer| answer.header("connection") != Some("close")) {
            self.stream = None;
        }
        done
    }

    fn exchange(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> std::io::Result<Answer> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(&self.address)?;
            stream.set_read_timeout(Some(Duration::from_secs(20)))?;
            stream.set_nodelay(true)?;
            self.stream = Some(BufReader::new(stream));
        }
        let Some(stream) = self.stream.as_mut() else { return Err(std::io::ErrorKind::NotConnected.into()) };
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body);
        stream.get_mut().write_all(&bytes)?;
        read_answer(stream, method == "HEAD")
    }
}

fn read_answer(stream: &mut BufReader<TcpStream>, head: bool) -> std::io::Result<Answer> {
    let bad = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned());
    let first = read_line(stream)?;
    let status = first.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(|| bad("no status"))?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(stream)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| bad("no header"))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(n, _)| n == "content-length").and_then(|(_, v)| v.parse().ok()).unwrap_or(0);
    let mut body = vec![0; if head { 0 } else { length }];
    stream.read_exact(&mut body)?;
    Ok(Answer { status, headers, body })
}

fn read_line(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    line.truncate(line.trim_end().len());
    Ok(line)
}
