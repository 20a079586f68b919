//! Secrets: one key outside the database, from which every purpose gets its own; sealed values, signatures and tokens.

use crate::error::{Result, StoreError};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use subtle::ConstantTimeEq;

/// Shortest secret a person may give.
const SECRET_MIN_CHARS: usize = 16;
/// First byte of a sealed value: how the rest is to be read.
const FORMAT: u8 = 1;
const NONCE_BYTES: usize = 24;

/// The hub's one secret. Prints nothing.
#[derive(Clone)]
pub struct Keyring {
    root: [u8; 32],
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(hidden)")
    }
}

impl Keyring {
    /// The key kept in the file at `path`; makes a new one, readable by its owner only, when there is no such file.
    ///
    /// # Errors
    /// When the file cannot be read, written, or holds no key of 64 hexadecimal digits.
    pub fn load_or_create(path: &Path) -> Result<Keyring> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Keyring::create(path),
            Err(e) => return Err(StoreError::file(path, &e)),
        };
        keep_private(path)?;
        let root = unhex(text.trim()).ok_or_else(|| {
            let message = format!("{} does not hold a key of 64 hexadecimal digits: put the right file back", path.display());
            StoreError::refused("secret.key", message)
        })?;
        Ok(Keyring { root })
    }

    fn create(path: &Path) -> Result<Keyring> {
        let root: [u8; 32] = random();
        let fresh = path.with_extension("new");
        write_key(path, &fresh, &root).map_err(|e| StoreError::file(path, &e))?;
        Ok(Keyring { root })
    }

    /// The key made from `API_SECRET_KEY`.
    ///
    /// # Errors
    /// `Refused` when it has fewer than 16 characters.
    pub fn from_secret(secret: &str) -> Result<Keyring> {
        let chars = secret.chars().count();
        if chars < SECRET_MIN_CHARS {
            let message = format!("must have at least {SECRET_MIN_CHARS} characters, this one has {chars}");
            return Err(StoreError::refused("API_SECRET_KEY", message));
        }
        Ok(Keyring { root: mac(secret.as_bytes(), &[b"pulsewarden root"]) })
    }

    /// Eight hexadecimal digits that tell two keys apart and give nothing away.
    pub fn fingerprint(&self) -> String {
        hex(&self.sign("fingerprint", b"")[..4])
    }

    /// `secret` encrypted for `purpose`; different each time.
    pub fn seal(&self, purpose: &str, secret: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = random();
        let payload = Payload { msg: secret, aad: purpose.as_bytes() };
        let sealed = self.cipher(purpose).encrypt(XNonce::from_slice(&nonce), payload);
        let sealed = sealed.expect("encryption fails only beyond 256 GiB");
        [&[FORMAT], &nonce[..], &sealed].concat()
    }

    /// What was sealed for `purpose` with this key.
    ///
    /// # Errors
    /// `Refused` when it was sealed with another key, for another purpose, or changed since.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>> {
        let refused =
            || StoreError::refused(purpose, "cannot be opened: it was sealed with another secret key, or changed since");
        let rest = sealed.strip_prefix(&[FORMAT]).ok_or_else(refused)?;
        let (nonce, text) = rest.split_at_checked(NONCE_BYTES).ok_or_else(refused)?;
        let payload = Payload { msg: text, aad: purpose.as_bytes() };
        self.cipher(purpose).decrypt(XNonce::from_slice(nonce), payload).map_err(|_| refused())
    }

    /// A signature over `message` that only this key makes, and only for `purpose`.
    pub fn sign(&self, purpose: &str, message: &[u8]) -> [u8; 32] {
        mac(&self.subkey("sign", purpose), &[message])
    }

    /// Whether `signature` is [`Keyring::sign`]'s, in constant time.
    pub fn verify(&self, purpose: &str, message: &[u8], signature: &[u8]) -> bool {
        self.sign(purpose, message).ct_eq(signature).into()
    }

    fn cipher(&self, purpose: &str) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.subkey("seal", purpose).into())
    }

    fn subkey(&self, use_: &str, purpose: &str) -> [u8; 32] {
        mac(&self.root, &[use_.as_bytes(), b"\0", purpose.as_bytes()])
    }
}

/// 256 random bits as 43 characters that need no escaping in a URL.
pub fn new_token() -> String {
    URL_SAFE_NO_PAD.encode(random::<32>())
}

/// A new management key: `pw_` and 256 random bits.
pub fn new_api_key() -> String {
    format!("pw_{}", new_token())
}

/// SHA-256 of a token: what is kept of it and compared.
pub fn hash_token(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Whether two hashes are equal, in constant time.
pub fn same_hash(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.ct_eq(other).into()
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key).expect("HMAC takes keys of every length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the kernel gives random bytes");
    bytes
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

/// Written whole under another name first: a crash leaves either no key or the whole one.
fn write_key(path: &Path, fresh: &Path, root: &[u8; 32]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let _ = fs::remove_file(fresh);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(fresh)?;
    writeln!(file, "{}", hex(root))?;
    file.sync_all()?;
    fs::rename(fresh, path)?;
    File::open(folder)?.sync_all()
}

fn keep_private(path: &Path) -> Result<()> {
    let told = |e: std::io::Error| StoreError::file(path, &e);
    let mode = fs::metadata(path).map_err(told)?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    log::warn!("{} could be read by others; it is now its owner's only", path.display());
    if let Err(e) = fs::set_permissions(path, fs::Permissions::from_mode(0o600)) {
        log::warn!("{} stays readable by others: {e}", path.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TempFolder;

    fn keys() -> Keyring {
        Keyring::from_secret("a secret of a person").unwrap()
    }

    #[test]
    fn sealed_twice_differs_and_opens_to_the_same() {
        let (one, other) = (keys().seal("token", b"hush"), keys().seal("token", b"hush"));
        assert_ne!(one, other);
        assert_eq!(keys().open("token", &one).unwrap(), b"hush");
        assert_eq!(keys().open("token", &other).unwrap(), b"hush");
        assert_eq!(keys().open("token", &keys().seal("token", b"")).unwrap(), b"");
    }

    #[test]
    fn a_changed_byte_another_purpose_or_key_does_not_open() {
        let sealed = keys().seal("token", b"hush");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(keys().open("token", &changed).is_err(), "byte {at}");
            assert!(keys().open("token", &sealed[..at]).is_err(), "cut at {at}");
        }
        assert!(keys().open("webhook", &sealed).is_err());
        assert!(Keyring::from_secret("another secret of hers").unwrap().open("token", &sealed).is_err());
    }

    #[test]
    fn signatures_hold_for_one_purpose_and_message() {
        let signature = keys().sign("ack", b"7");
        assert!(keys().verify("ack", b"7", &signature));
        assert!(!keys().verify("ack", b"8", &signature));
        assert!(!keys().verify("session", b"7", &signature));
        assert!(!keys().verify("ack", b"7", &signature[..31]));
    }

    #[test]
    fn the_key_file_is_made_once_private_and_read_again() {
        let folder = TempFolder::new().unwrap();
        let path = folder.path().join("data/secret.key");
        let made = Keyring::load_or_create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let read = Keyring::load_or_create(&path).unwrap();
        assert_eq!(made.fingerprint(), read.fingerprint());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_key_file_is_refused_and_untouched() {
        let folder = TempFolder::new().unwrap();
        let path = folder.path().join("secret.key");
        for text in ["", "short", &"g".repeat(64), &"+f".repeat(32)] {
            fs::write(&path, text).unwrap();
            assert!(Keyring::load_or_create(&path).is_err(), "{text}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn short_secrets_are_refused_and_nothing_is_printed() {
        assert!(Keyring::from_secret(&"x".repeat(15)).is_err());
        assert!(Keyring::from_secret(&"x".repeat(16)).is_ok());
        assert_eq!(format!("{:?}", keys()), "Keyring(hidden)");
    }

    #[test]
    fn tokens_are_long_new_and_safe_in_a_url() {
        let (one, other) = (new_token(), new_token());
        assert_ne!(one, other);
        assert!(one.len() == 43 && one.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        assert!(new_api_key().starts_with("pw_"));
        assert!(same_hash(&hash_token(&one), &hash_token(&one)) && !same_hash(&hash_token(&one), &hash_token(&other)));
    }
}
