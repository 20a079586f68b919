//! A data folder with many hosts that one token proves: made in the store, because a hub that is asked for each takes minutes.

use domain::duration::Seconds;
use domain::host::HostDraft;
use domain::schedule::BusinessHours;
use std::path::Path;
use store::seal::{Keyring, hash_token};
use store::{Options, Store, beats, hosts};
use tempfile::TempDir;

/// The token of every host.
const TOKEN: &str = "seeded-token-seeded-token-seeded-token-seed";

/// A folder whose data folder has `count` hosts, `h00001` and so on, of which host `n` is to be heard every `every_s(n)` seconds.
pub fn folder(count: usize, every_s: impl Fn(usize) -> i64) -> TempDir {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the target folder can be written");
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("a data folder");
    let keyring = Keyring::load_or_create(&data.join("secret.key")).expect("a key can be made");
    let mut store = Store::open(&data.join("db.sqlite"), &Options::default()).expect("a store opens");
    let (sealed, hash) = (keyring.seal("host token", TOKEN.as_bytes()), hash_token(TOKEN));
    let now = actors::clock::Clock::system().now();
    let made = store.writer.transact(|tx| {
        for n in 1..=count {
            let draft = HostDraft {
                name: Some(name(n)),
                expected_frequency: Some(Seconds::Number(every_s(n))),
                grace_period: Some(Seconds::Number(0)),
                ..HostDraft::default()
            };
            let spec = draft.create(&BusinessHours::default()).expect("a valid host");
            hosts::insert(tx, &spec, &sealed, &hash, now)?;
        }
        Ok(())
    });
    made.expect("hosts can be stored");
    folder
}

/// How host `n` is called.
pub fn name(n: usize) -> String {
    format!("h{n:05}")
}

/// Path and query of a heartbeat of host `n`.
pub fn path(n: usize) -> String {
    format!("/api/v1/heartbeat/{}?token={TOKEN}", name(n))
}

/// Heartbeats that are stored in the folder of a hub that has ended.
pub fn stored(folder: &Path) -> usize {
    let store = Store::open(&folder.join("data/db.sqlite"), &Options::default()).expect("the store opens again");
    usize::try_from(beats::newest_id(store.writer.conn()).expect("it counts")).expect("a count")
}
