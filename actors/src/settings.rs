//! Settings that change while the hub runs: webhooks, the upstream and what is public. In force at once, each change a revision with an undo.
//!
//! A webhook is taken, name by name, from the database, else from the environment, else from the file. URLs are secrets: sealed
//! at rest and shown masked. Rows of `channels` follow in the same transaction.

mod public;
mod upstream;
mod webhook;

pub use public::{Public, PublicDraft};
pub use upstream::{Method, Upstream, UpstreamDraft};
pub use webhook::{Source, Webhook, WebhookDraft, mask};

use crate::alert::discord::{AllowedHosts, WebhookUrl};
use crate::alert::{Channel, Channels};
use crate::db::{Db, DbError};
use domain::field::FieldError;
use domain::time::Wall;
use std::sync::{Arc, PoisonError, RwLock};
use store::seal::Keyring;
use store::settings::{self, Revision};
use store::{Connection, StoreError, Transaction};

/// Name of the webhook that always has row 1 of `channels`.
pub const PRIMARY: &str = "primary";
/// Most webhooks.
pub const WEBHOOKS_MAX: usize = 20;
/// `config` keys this file owns: the only ones with masks and an undo.
pub const KEYS: [&str; 3] = [WEBHOOKS, UPSTREAM, PUBLIC];

const WEBHOOKS: &str = "webhooks";
const UPSTREAM: &str = "upstream";
const PUBLIC: &str = "public";

/// The settings in force; read by the AlertActor before each pass.
pub struct Settings {
    rules: Arc<Rules>,
    state: RwLock<Arc<State>>,
}

/// What does not change while the hub runs.
struct Rules {
    keyring: Arc<Keyring>,
    allowed: AllowedHosts,
    from_env: Vec<(String, String)>,
    from_file: Vec<(String, String)>,
}

/// What is in force, and which revision it is.
#[derive(Clone, Default)]
struct State {
    revision: i64,
    webhooks: Vec<(i64, Webhook)>,
    upstream: Upstream,
    public: Public,
}

/// Why a setting was not changed.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The input is wrong: every field with its fix.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Fields(Vec<FieldError>),
    /// There is no such change to undo.
    #[error("there is no such revision")]
    NoRevision,
    /// The store could not.
    #[error(transparent)]
    Db(DbError),
}

impl From<DbError> for SettingsError {
    fn from(e: DbError) -> SettingsError {
        let DbError::Store(inner) = &e else { return SettingsError::Db(e) };
        match &**inner {
            StoreError::NotFound => SettingsError::NoRevision,
            StoreError::Taken { field, message } | StoreError::Refused { field, message } => {
                SettingsError::Fields(vec![FieldError::new(field.clone(), message.clone())])
            }
            _ => SettingsError::Db(e),
        }
    }
}

/// A change as people may see it: no secret in it.
#[derive(Clone, Debug, PartialEq)]
pub struct ShownRevision {
    /// `config_revisions.id`.
    pub id: i64,
    /// `webhooks`, `upstream` or `public`.
    pub key: String,
    /// What it was, masked; `None`: not set.
    pub old: Option<serde_json::Value>,
    /// What it became, masked; `None`: no longer set.
    pub new: Option<serde_json::Value>,
    /// Who changed it.
    pub changed_by: String,
    /// When.
    pub changed_at: Wall,
}

impl Settings {
    /// The settings kept in the database over those of the environment and the file (name and URL each), and the channels they
    /// need. A channel whose URL is not the database's may have got another one since the last run, so it is tried again.
    ///
    /// # Errors
    /// The store's, and `Refused` for a URL of the environment or the file that alerts may not be sent to.
    pub fn load(
        tx: &Transaction<'_>,
        keyring: Arc<Keyring>,
        from_env: Vec<(String, String)>,
        from_file: Vec<(String, String)>,
        allowed: AllowedHosts,
        at: Wall,
    ) -> Result<Settings, StoreError> {
        for (name, url) in from_env.iter().chain(&from_file) {
            let refused = |e: FieldError| StoreError::Refused { field: format!("webhook {name}"), message: e.message };
            WebhookUrl::parse(url, &allowed).map_err(refused)?;
        }
        let rules = Arc::new(Rules { keyring, allowed, from_env, from_file });
        let state = rules.apply(tx, at)?;
        for (channel, webhook) in &state.webhooks {
            if webhook.source != Source::Database {
                store::channels::set_stopped(tx, *channel, None)?;
            }
        }
        Ok(Settings { rules, state: RwLock::new(Arc::new(state)) })
    }

    /// Where notices go now.
    pub fn channels(&self) -> Vec<Channel> {
        let state = self.state();
        let parsed = state.webhooks.iter().filter_map(|(id, webhook)| {
            let url = WebhookUrl::parse(&webhook.url, &self.rules.allowed).ok()?;
            Some(Channel { id: *id, name: webhook.name.clone(), url })
        });
        parsed.collect()
    }

    /// The webhooks in force with the row of their channel, the primary one first.
    pub fn webhooks(&self) -> Vec<(i64, Webhook)> {
        self.state().webhooks.clone()
    }

    /// The outside service that is told the hub lives.
    pub fn upstream(&self) -> Upstream {
        self.state().upstream.clone()
    }

    /// What strangers may see.
    pub fn public(&self) -> Public {
        self.state().public.clone()
    }

    /// Sets all webhooks of the database; those of environment and file show through where it has none of their name.
    ///
    /// # Errors
    /// Every wrong field with its fix, or the store.
    pub async fn set_webhooks(&self, db: &Db, drafts: Vec<WebhookDraft>, who: &str, at: Wall) -> Result<(), SettingsError> {
        let wanted = webhook::checked(drafts, &self.rules.allowed).map_err(SettingsError::Fields)?;
        self.change(db, who, at, move |rules, tx, who| rules.write_webhooks(tx, &wanted, who, at)).await
    }

    /// Sets the primary webhook of the database and leaves the others; `None` falls back to the environment or the file.
    ///
    /// # Errors
    /// A wrong URL with its fix, or the store.
    pub async fn set_primary(&self, db: &Db, url: Option<String>, who: &str, at: Wall) -> Result<(), SettingsError> {
        let parsed = url.map(|url| WebhookUrl::parse(&url, &self.rules.allowed)).transpose();
        let url = parsed.map_err(|e| SettingsError::Fields(vec![e]))?.map(|url| url.expose());
        let change = move |rules: &Rules, tx: &Transaction<'_>, who: &str| {
            let mut wanted = rules.stored_webhooks(tx)?;
            wanted.retain(|webhook| webhook.name != PRIMARY);
            if let Some(url) = url {
                wanted.insert(0, Webhook { name: PRIMARY.into(), url, source: Source::Database });
            }
            rules.write_webhooks(tx, &wanted, who, at)
        };
        self.change(db, who, at, change).await
    }

    /// Changes what the draft names of the upstream.
    ///
    /// # Errors
    /// Every wrong field with its fix, or the store.
    pub async fn set_upstream(&self, db: &Db, draft: &UpstreamDraft, who: &str, at: Wall) -> Result<(), SettingsError> {
        let wanted = draft.over(&self.upstream()).map_err(SettingsError::Fields)?;
        self.change(db, who, at, move |rules, tx, who| rules.write_upstream(tx, &wanted, who, at)).await
    }

    /// Sets what strangers may see.
    ///
    /// # Errors
    /// Every wrong field with its fix, or the store.
    pub async fn set_public(&self, db: &Db, draft: PublicDraft, who: &str, at: Wall) -> Result<(), SettingsError> {
        let wanted = draft.checked().map_err(SettingsError::Fields)?;
        let text = serde_json::to_string(&wanted).expect("text serialises");
        let change = move |_: &Rules, tx: &Transaction<'_>, who: &str| settings::set(tx, PUBLIC, Some(&text), who, at).map(drop);
        self.change(db, who, at, change).await
    }

    /// Sets a setting back to what it was before `revision`, as a change of its own.
    ///
    /// # Errors
    /// [`SettingsError::NoRevision`], a URL that is not allowed any more, or the store.
    pub async fn undo(&self, db: &Db, revision: i64, who: &str, at: Wall) -> Result<(), SettingsError> {
        let change = move |rules: &Rules, tx: &Transaction<'_>, who: &str| {
            let key = key_of(tx, revision)?;
            settings::undo(tx, revision, who, at)?;
            rules.check(tx, &key)
        };
        self.change(db, who, at, change).await
    }

    /// The newest changes of one setting or of all, masked, before the cursor `before`; and the next cursor.
    ///
    /// # Errors
    /// The store's.
    pub async fn revisions(
        &self,
        db: &Db,
        key: Option<&'static str>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<(Vec<ShownRevision>, Option<i64>), DbError> {
        let page = db.read(move |conn| settings::revisions(conn, key, before, limit)).await?;
        let known = page.revisions.into_iter().filter(|revision| KEYS.contains(&revision.key.as_str()));
        Ok((known.map(|revision| self.rules.shown(revision)).collect(), page.next))
    }

    async fn change<F>(&self, db: &Db, who: &str, at: Wall, change: F) -> Result<(), SettingsError>
    where
        F: FnOnce(&Rules, &Transaction<'_>, &str) -> Result<(), StoreError> + Send + 'static,
    {
        let (rules, who) = (self.rules.clone(), who.to_owned());
        let done = db.write_news("change settings", move |tx| {
            change(&rules, tx, &who)?;
            rules.apply(tx, at)
        });
        match done.await {
            Ok(state) => {
                self.keep(state);
                Ok(())
            }
            Err(e) => {
                if matches!(e, DbError::Unknown(_)) {
                    self.read_again(db).await;
                }
                Err(e.into())
            }
        }
    }

    /// It is unknown what is on disk: memory must not be trusted either.
    async fn read_again(&self, db: &Db) {
        let rules = self.rules.clone();
        match db.read(move |conn| rules.read(conn)).await {
            Ok(state) => self.keep(state),
            Err(e) => log::error!("settings: could not be read again, the last known ones stay in force: {e}"),
        }
    }

    /// Answers may overtake one another: the newest revision stays.
    fn keep(&self, state: State) {
        let mut kept = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.revision >= kept.revision {
            *kept = Arc::new(state);
        }
    }

    fn state(&self) -> Arc<State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Channels for Settings {
    fn channels(&self) -> Vec<Channel> {
        Settings::channels(self)
    }
}

impl Rules {
    /// Brings the channels up to what is stored, and answers what is in force then.
    fn apply(&self, tx: &Transaction<'_>, at: Wall) -> Result<State, StoreError> {
        let webhooks = self.effective(tx)?;
        webhook::sync(tx, &webhooks, &self.keyring, at)?;
        self.read(tx)
    }

    fn read(&self, conn: &Connection) -> Result<State, StoreError> {
        let webhooks = webhook::with_rows(conn, self.effective(conn)?)?;
        let revision = settings::revisions(conn, None, None, 1)?.revisions.first().map_or(0, |newest| newest.id);
        let public = settings::get(conn, PUBLIC)?.map_or_else(Public::default, |text| public::read(&text));
        Ok(State { revision, webhooks, upstream: self.stored_upstream(conn)?, public })
    }

    /// Name by name: the database over the environment over the file.
    fn effective(&self, conn: &Connection) -> Result<Vec<Webhook>, StoreError> {
        let mut webhooks = self.stored_webhooks(conn)?;
        webhooks.retain(|webhook| match WebhookUrl::parse(&webhook.url, &self.allowed) {
            Ok(_) => true,
            Err(e) => {
                log::error!("settings: the stored URL of webhook {} cannot be used: {}", webhook.name, e.message);
                false
            }
        });
        for (source, list) in [(Source::Environment, &self.from_env), (Source::File, &self.from_file)] {
            for (name, url) in list {
                if webhooks.iter().all(|known| known.name != *name) {
                    webhooks.push(Webhook { name: name.clone(), url: url.clone(), source });
                }
            }
        }
        webhooks.sort_by_key(|webhook| webhook.name != PRIMARY);
        Ok(webhooks)
    }

    fn stored_webhooks(&self, conn: &Connection) -> Result<Vec<Webhook>, StoreError> {
        let stored = settings::get(conn, WEBHOOKS)?;
        Ok(stored.map_or_else(Vec::new, |text| webhook::opened(&text, &self.keyring)))
    }

    fn stored_upstream(&self, conn: &Connection) -> Result<Upstream, StoreError> {
        let stored = settings::get(conn, UPSTREAM)?;
        Ok(stored.map_or_else(Upstream::default, |text| upstream::opened(&text, &self.keyring)))
    }

    fn write_webhooks(&self, tx: &Transaction<'_>, wanted: &[Webhook], who: &str, at: Wall) -> Result<(), StoreError> {
        if self.stored_webhooks(tx)? == wanted {
            return Ok(()); // sealed anew it would look like a change
        }
        let text = (!wanted.is_empty()).then(|| webhook::sealed(wanted, &self.keyring));
        settings::set(tx, WEBHOOKS, text.as_deref(), who, at)?;
        Ok(())
    }

    fn write_upstream(&self, tx: &Transaction<'_>, wanted: &Upstream, who: &str, at: Wall) -> Result<(), StoreError> {
        if self.stored_upstream(tx)? == *wanted {
            return Ok(());
        }
        settings::set(tx, UPSTREAM, Some(&upstream::sealed(wanted, &self.keyring)), who, at)?;
        Ok(())
    }

    /// After an undo: an address that was allowed then may not be now.
    fn check(&self, tx: &Transaction<'_>, key: &str) -> Result<(), StoreError> {
        if key != WEBHOOKS {
            return Ok(());
        }
        for webhook in self.stored_webhooks(tx)? {
            let refused = |e: FieldError| StoreError::Refused { field: e.field, message: e.message };
            WebhookUrl::parse(&webhook.url, &self.allowed).map_err(refused)?;
        }
        Ok(())
    }

    fn shown(&self, revision: Revision) -> ShownRevision {
        let Revision { id, key, old_value, new_value, changed_by, changed_at } = revision;
        let shown = |text: Option<String>| {
            text.map(|text| match key.as_str() {
                WEBHOOKS => webhook::shown(&webhook::opened(&text, &self.keyring)),
                PUBLIC => serde_json::to_value(public::read(&text)).unwrap_or_default(),
                _ => upstream::opened(&text, &self.keyring).shown(),
            })
        };
        ShownRevision { id, old: shown(old_value), new: shown(new_value), key, changed_by, changed_at }
    }
}

/// The setting a revision is about, if it is one of ours.
fn key_of(conn: &Connection, revision: i64) -> Result<String, StoreError> {
    let after = revision.checked_add(1).ok_or(StoreError::NotFound)?;
    let found = settings::revisions(conn, None, Some(after), 1)?.revisions;
    let ours = found.into_iter().find(|known| known.id == revision && KEYS.contains(&known.key.as_str()));
    ours.map(|known| known.key).ok_or(StoreError::NotFound)
}

#[cfg(test)]
mod tests;
