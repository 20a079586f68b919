//! The SSH client: the only file that names `russh`. It offers one key once, never talks to a server whose key is not the pinned one,
//! and reads no more than it may.

use super::ssh_shell::{Bounds, Call, Cut, Output, STDERR_BYTES, Session, Shell, ShellError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use russh::client::{self, AuthResult, Handle};
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate, decode_secret_key};
use russh::{Channel, ChannelMsg, Disconnect, Preferred, compression};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::host_keys::ShownKey;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

/// Told to servers instead of the library's version.
const CLIENT_ID: &str = "SSH-2.0-Pulsewarden";
/// The number of the extended stream that is stderr.
const STDERR: u32 = 1;
/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_millis(500);
/// Packets that may wait for us in a channel; further ones wait in the server.
const PACKETS_WAITING: usize = 16;
/// Bytes the server may send ahead.
const WINDOW_BYTES: u32 = 1 << 20;
/// Host keys that are asked for when none is pinned, the best first. RSA never with SHA-1.
const HOST_KEYS: [Algorithm; 6] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

/// Connects by `russh`.
pub(crate) struct RussShell;

impl Shell for RussShell {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Box<dyn Session>, ShellError>> {
        async move {
            // Opening an encrypted key takes a good part of a second on purpose. It comes first: who cannot prove himself does not call.
            let key = call.key.clone();
            let opened = tokio::task::spawn_blocking(move || private_key(&key.text, key.passphrase.as_deref())).await;
            let key = opened.map_err(|e| ShellError::BadKey(format!("could not be read: {e}")))??;
            let mut handle = shaken_hands(&call).await?;
            prove(&mut handle, &call, key).await?;
            Ok(Box::new(Open { handle }) as Box<dyn Session>)
        }
        .boxed()
    }
}

fn private_key(text: &str, passphrase: Option<&str>) -> Result<PrivateKey, ShellError> {
    let bad = |why: &str| ShellError::BadKey(why.to_owned());
    // An unencrypted key is refused when a passphrase comes with it.
    let key = match decode_secret_key(text, None) {
        Ok(key) if !key.is_encrypted() => key,
        Ok(_) | Err(russh::keys::Error::KeyIsEncrypted) => {
            let passphrase = passphrase.ok_or_else(|| bad("is encrypted: give its passphrase in SSH_KEY_PASSPHRASE"))?;
            decode_secret_key(text, Some(passphrase)).map_err(|_| bad("cannot be opened with SSH_KEY_PASSPHRASE"))?
        }
        Err(_) => return Err(bad("is none: the file must hold one as ssh-keygen writes it")),
    };
    match key.algorithm() {
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. } | Algorithm::Rsa { .. } => Ok(key),
        other => Err(bad(&format!("is of a kind that is not supported ({other}): use ed25519, ECDSA or RSA"))),
    }
}

/// Notes the key the server shows, and accepts only the pinned one.
struct Doorman {
    pinned: Option<ShownKey>,
    shown: Arc<Mutex<Option<ShownKey>>>,
}

impl client::Handler for Doorman {
    type Error = russh::Error;

    async fn check_server_key(&mut self, server: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = server else { return Ok(false) };
        let Some(shown) = shown(key) else { return Ok(false) };
        let is_right = self.pinned.as_ref().is_some_and(|pinned| pinned.key == shown.key);
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        Ok(is_right)
    }
}

fn shown(key: &russh::keys::PublicKey) -> Option<ShownKey> {
    let algorithm = match key.key_data() {
        KeyData::Rsa(_) => "ssh-rsa".to_owned(),
        _ => key.algorithm().to_string(),
    };
    Some(ShownKey { algorithm, key: key.to_bytes().ok()?, fingerprint: key.fingerprint(HashAlg::Sha256).to_string() })
}

/// Only keys of the pinned kind: a server with several must show that one.
fn host_keys(pinned: Option<&ShownKey>) -> Vec<Algorithm> {
    let is_wanted = |known: &Algorithm| match pinned.map(|pinned| pinned.algorithm.as_str()) {
        None => true,
        Some("ssh-rsa") => matches!(known, Algorithm::Rsa { .. }),
        Some(name) => known.to_string() == name,
    };
    HOST_KEYS.iter().filter(|known| is_wanted(known)).cloned().collect()
}

fn config(call: &Call) -> client::Config {
    client::Config {
        client_id: russh::SshId::Standard(Cow::Borrowed(CLIENT_ID)),
        window_size: WINDOW_BYTES,
        channel_buffer_size: PACKETS_WAITING,
        preferred: Preferred {
            key: Cow::Owned(host_keys(call.pinned.as_ref())),
            // What a hostile server packs small it could unpack to anything.
            compression: Cow::Borrowed(&[compression::NONE]),
            ..Preferred::DEFAULT
        },
        ..client::Config::default()
    }
}

/// A connection to a server whose host key is the pinned one.
async fn shaken_hands(call: &Call) -> Result<Handle<Doorman>, ShellError> {
    let slot = Arc::new(Mutex::new(None));
    let doorman = Doorman { pinned: call.pinned.clone(), shown: slot.clone() };
    let config = Arc::new(config(call));
    let connected = timeout(call.connect_wait, async {
        let stream = TcpStream::connect(call.address).await.map_err(russh::Error::IO)?;
        let _ = stream.set_nodelay(true);
        client::connect_stream(config, stream, doorman).await
    });
    let failed = match connected.await {
        Ok(Ok(handle)) => return Ok(handle),
        Ok(Err(error)) => error,
        Err(_) => {
            let ms = call.connect_wait.as_millis();
            return Err(ShellError::Unreachable(format!("{} did not answer as an SSH server within {ms} ms", call.address)));
        }
    };
    let shown = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    Err(match (shown, failed) {
        (Some(shown), russh::Error::UnknownKey) => ShellError::Shows(shown),
        (_, russh::Error::NoCommonAlgo { kind: russh::AlgorithmKind::Key, .. }) if call.pinned.is_some() => ShellError::ShowsNone,
        (_, error) => ShellError::Unreachable(format!("{}: {error}", call.address)),
    })
}

async fn prove(handle: &mut Handle<Doorman>, call: &Call, key: PrivateKey) -> Result<(), ShellError> {
    let proved = timeout(call.connect_wait, async {
        // RSA never with SHA-1: a server that knows nothing better does not get in.
        let hash = match key.algorithm() {
            Algorithm::Rsa { .. } => handle.best_supported_rsa_hash().await?.flatten().or(Some(HashAlg::Sha256)),
            _ => None,
        };
        handle.authenticate_publickey(call.user.as_str(), PrivateKeyWithHashAlg::new(Arc::new(key), hash)).await
    });
    match proved.await {
        Ok(Ok(AuthResult::Success)) => Ok(()),
        // A server that hangs up instead of answering may only be tired of us: it may be asked again later.
        Ok(Ok(AuthResult::Failure { remaining_methods, .. })) if remaining_methods.is_empty() && handle.is_closed() => Err(
            ShellError::Lost("it was closed during authentication; the server may be refusing this address for a while".into()),
        ),
        Ok(Ok(AuthResult::Failure { .. })) => Err(ShellError::Denied),
        Ok(Err(error)) => Err(ShellError::Lost(format!("{error}, during authentication"))),
        Err(_) => Err(ShellError::Lost(format!("no answer to the authentication within {} ms", call.connect_wait.as_millis()))),
    }
}

/// An authenticated connection.
struct Open {
    handle: Handle<Doorman>,
}

impl Session for Open {
    fn run(&mut self, command: String, bounds: Bounds) -> BoxFuture<'_, Result<Output, ShellError>> {
        async move {
            let lost = |error: russh::Error| ShellError::Lost(error.to_string());
            let opened = timeout(bounds.idle_wait, self.handle.channel_open_session()).await;
            let mut channel = match opened.map_err(|_| ShellError::Lost("it does not answer".into()))? {
                Ok(channel) => channel,
                Err(error @ russh::Error::ChannelOpenFailure(_)) => return Err(ShellError::NoCommand(error.to_string())),
                Err(error) => return Err(lost(error)),
            };
            channel.exec(true, command).await.map_err(lost)?;
            let output = heard(&mut channel, bounds).await;
            // Whatever the command still prints, its reader is gone.
            let _ = timeout(GOODBYE, channel.close()).await;
            output
        }
        .boxed()
    }

    fn end(self: Box<Self>) -> BoxFuture<'static, ()> {
        async move {
            let _ = timeout(GOODBYE, self.handle.disconnect(Disconnect::ByApplication, "", "")).await;
        }
        .boxed()
    }
}

/// Reads a command's output as it comes, up to its bounds.
async fn heard(channel: &mut Channel<client::Msg>, bounds: Bounds) -> Result<Output, ShellError> {
    let mut output = Output::default();
    #[allow(clippy::disallowed_methods, reason = "a deadline of the runtime's own timer; nothing is judged by it")]
    let end = Instant::now() + bounds.total_wait;
    let mut is_over = false;
    loop {
        let message = match timeout_at(end, timeout(bounds.idle_wait, channel.wait())).await {
            Ok(Ok(message)) => message,
            Ok(Err(_)) => return cut(output, Cut::Idle),
            Err(_) => return cut(output, Cut::Total),
        };
        match message {
            Some(ChannelMsg::Data { data }) => {
                let room = bounds.bytes_most - output.stdout.len();
                output.stdout.extend_from_slice(&data[..data.len().min(room)]);
                if data.len() > room {
                    return cut(output, Cut::Full);
                }
            }
            Some(ChannelMsg::ExtendedData { data, ext: STDERR }) => {
                let room = STDERR_BYTES - output.stderr.len();
                output.stderr.extend_from_slice(&data[..data.len().min(room)]);
            }
            Some(ChannelMsg::ExitStatus { exit_status }) => output.exit_code = Some(exit_status.cast_signed()),
            Some(ChannelMsg::ExitSignal { signal_name, .. }) => output.signal = Some(format!("{signal_name:?}")),
            Some(ChannelMsg::Failure) => return Err(ShellError::NoCommand("it refused to".into())),
            Some(ChannelMsg::Eof) => is_over = true,
            // The exit code may come after the end of the output, but not after this.
            Some(ChannelMsg::Close) => return Ok(output),
            Some(_) => {}
            None if is_over => return Ok(output),
            None => return Err(ShellError::Lost("it ended while the command was running".into())),
        }
    }
}

/// What came before a limit is worth something; nothing at all is not.
fn cut(output: Output, why: Cut) -> Result<Output, ShellError> {
    if output.stdout.is_empty() && why != Cut::Full {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let said = if stderr.trim().is_empty() { "printed nothing".to_owned() } else { format!("only said {:?}", stderr.trim()) };
        return Err(ShellError::Lost(format!("the command {said} and did not end in time")));
    }
    Ok(Output { cut: Some(why), ..output })
}
