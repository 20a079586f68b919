//! Debian's own sshd, started by a test as whoever runs it, on a loopback port with keys made for it.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A folder of keys.
pub struct Keys {
    folder: TempDir,
}

impl Keys {
    pub fn new() -> Keys {
        Keys { folder: tempfile::tempdir().expect("a folder") }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Makes a key: `kind` is `ed25519`, `rsa` or `ecdsa`, perhaps with its bits as in `ecdsa-384`.
    pub fn make(&self, name: &str, kind: &str, passphrase: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        for old in [path.clone(), path.with_extension("pub")] {
            drop(std::fs::remove_file(old));
        }
        let (kind, bits) = kind.split_once('-').map_or((kind, None), |(kind, bits)| (kind, Some(bits)));
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-t", kind, "-N", passphrase, "-C", name, "-f"]).arg(&path);
        if let Some(bits) = bits {
            keygen.args(["-b", bits]);
        }
        assert!(keygen.status().expect("ssh-keygen, see scripts/install-test-tools.sh").success());
        path
    }
}

/// A running sshd.
pub struct Sshd {
    child: Child,
    pub port: u16,
}

impl Sshd {
    /// One with these host keys that lets the owners of `users` in, on any free port.
    pub fn start(keys: &Keys, host_keys: &[&Path], users: &[&Path]) -> Sshd {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("its address").port();
        Sshd::start_on(free, keys, host_keys, users)
    }

    /// The same on this port.
    pub fn start_on(port: u16, keys: &Keys, host_keys: &[&Path], users: &[&Path]) -> Sshd {
        // As root it insists on this folder, which the service's unit makes otherwise.
        drop(std::fs::create_dir("/run/sshd"));
        let authorized = keys.folder().join(format!("authorized_{port}"));
        let lines = users.iter().map(|path| std::fs::read_to_string(path.with_extension("pub")).expect("a public key"));
        std::fs::write(&authorized, lines.collect::<String>()).expect("authorized_keys");
        let mut config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nPidFile none\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nUseDNS no\nLogLevel INFO\nMaxStartups 100\n",
            authorized.display()
        );
        for key in host_keys {
            config += &format!("HostKey {}\n", key.display());
        }
        let path = keys.folder().join(format!("sshd_config_{port}"));
        std::fs::write(&path, config).expect("sshd_config");
        let mut sshd = Command::new("/usr/sbin/sshd");
        sshd.args(["-D", "-e", "-f"]).arg(&path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = sshd.spawn().expect("sshd, see scripts/install-test-tools.sh");
        let mut lines = BufReader::new(child.stderr.take().expect("its stderr")).lines().map_while(Result::ok);
        let said: Vec<String> = lines.by_ref().take_while(|line| !line.contains("Server listening")).collect();
        assert!(child.try_wait().expect("its state").is_none(), "sshd ended: {said:?}");
        std::thread::spawn(move || lines.for_each(drop)); // a full pipe would stop it
        Sshd { child, port }
    }

    /// Who it lets in: whoever runs the tests.
    pub fn user() -> String {
        let id = Command::new("id").arg("-un").output().expect("id");
        String::from_utf8_lossy(&id.stdout).trim().to_owned()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
