//! Data folders with very many hosts, made without a hub: for the benchmark and the tests at full size.

use domain::duration::Seconds;
use domain::host::HostDraft;
use domain::schedule::BusinessHours;
use std::path::Path;
use store::seal::{Keyring, hash_token};
use store::{Options, Store, hosts};

/// One token for all of them; looked up and proved like any other.
pub const TOKEN: &str = "bench-token-bench-token-bench-token-bench-0";

/// Makes `folder/data` with `count` hosts, the n-th of which may be silent for `every_s(n)` seconds.
pub fn many_hosts(folder: &Path, count: usize, every_s: impl Fn(usize) -> i64) {
    let data = folder.join("data");
    std::fs::create_dir(&data).expect("a data folder");
    let keyring = Keyring::load_or_create(&data.join("secret.key")).expect("a key can be made");
    let mut store = Store::open(&data.join("db.sqlite"), &Options::default()).expect("a store opens");
    let (sealed, hash) = (keyring.seal("host token", TOKEN.as_bytes()), hash_token(TOKEN));
    let clock = actors::clock::Clock::system();
    let insert = |tx: &store::Transaction<'_>| {
        for n in 0..count {
            let spec = draft(n, every_s(n)).create(&BusinessHours::default()).expect("these hosts are valid");
            hosts::insert(tx, &spec, &sealed, &hash, clock.now())?;
        }
        Ok(())
    };
    store.writer.transact(insert).expect("hosts can be stored");
}

fn draft(n: usize, every_s: i64) -> HostDraft {
    HostDraft {
        name: Some(host_id(n)),
        expected_frequency: Some(Seconds::Number(every_s)),
        grace_period: Some(Seconds::Number(0)),
        ..HostDraft::default()
    }
}

/// The public name of the n-th host.
pub fn host_id(n: usize) -> String {
    format!("bench-{n:05}")
}
