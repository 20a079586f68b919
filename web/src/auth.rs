//! Who may manage the hub: API keys, the key of the environment, the operator on the same machine, and who is signed in. Guessing
//! is limited.
//!
//! The check is a middleware over all of `/api/v1` that is not public, and the method decides what is needed: a new route
//! cannot forget it. Keys the hub made are 256 random bits and are never locked out; a key a person chose is.

pub(crate) mod guesses;

use crate::error::ApiError;
use crate::state::WebState;
use crate::{sessions, source};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::AUTHORIZATION;
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, web};
use actors::hub::Hub;
use domain::time::Now;
use guesses::Guesses;
use std::collections::HashMap;
use std::future::{Ready, ready};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use store::keys::{self, Scope};
use store::seal::{Keyring, hash_token, hex, same_hash};

/// Longer ones are no keys.
const KEY_MAX_BYTES: usize = 512;
/// Where a script of ours proves that it is one.
const CSRF_HEADER: &str = "x-csrf-token";
/// How often the time of last use is written, at most.
const TOUCH_MS: i64 = 60_000;

/// The key of whoever can read the hub's secret: what the command line on the same machine uses.
pub fn operator_key(keyring: &Keyring) -> String {
    format!("pwop_{}", hex(&keyring.sign("operator", b"cli")))
}

/// Who asks, once proved.
#[derive(Clone, Debug)]
pub struct Identity {
    /// How changes name him.
    pub who: Arc<str>,
    /// What he may do.
    pub scope: Scope,
    /// What a change must send along: whoever is identified by a cookie may have been led here by another site.
    pub(crate) csrf: Option<Arc<str>>,
}

impl Identity {
    fn by_key(who: impl Into<Arc<str>>, scope: Scope) -> Identity {
        Identity { who: who.into(), scope, csrf: None }
    }

    /// Whether secrets may be shown and things changed.
    pub fn may_write(&self) -> bool {
        self.scope == Scope::Write
    }
}

impl FromRequest for Identity {
    type Error = ApiError;
    type Future = Ready<Result<Identity, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        // Absent only when a route was put outside of the guard: then nobody is let in.
        ready(req.extensions().get::<Identity>().cloned().ok_or_else(no_key))
    }
}

/// Lets in who proves to be allowed.
pub(crate) async fn guard(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match admit(req.request()).await {
        Ok(identity) => {
            req.extensions_mut().insert(identity);
            Ok(next.call(req).await?.map_into_boxed_body())
        }
        Err(refused) => Ok(req.into_response(refused.response())),
    }
}

async fn admit(req: &HttpRequest) -> Result<Identity, ApiError> {
    let identity = identify(req).await?;
    if matches!(*req.method(), Method::GET | Method::HEAD) {
        return Ok(identity);
    }
    if !identity.may_write() {
        let may_only = "this key may only read: use one with scope write";
        return Err(ApiError::forbidden(if identity.csrf.is_some() { "a viewer may change nothing" } else { may_only }));
    }
    if let Some(csrf) = identity.csrf.as_deref() {
        let sent = req.headers().get(CSRF_HEADER).and_then(|value| value.to_str().ok());
        sessions::check_ours(req, sent, csrf)?;
    }
    Ok(identity)
}

/// Who sends this request.
///
/// # Errors
/// 401 without a right key, 429 after too many wrong ones, 503 when the store cannot be asked.
pub(crate) async fn identify(req: &HttpRequest) -> Result<Identity, ApiError> {
    let state = req.app_data::<web::Data<WebState>>().ok_or_else(no_key)?;
    match presented(req) {
        Some(key) => state.gatekeeper.prove(state, req, key).await,
        None => sessions::current(state, req).await?.map(|signed_in| signed_in.identity()).ok_or_else(no_key),
    }
}

fn no_key() -> ApiError {
    ApiError::unauthorized("a management key is needed: send Authorization: Bearer KEY or X-API-Key: KEY")
}

/// The key a request carries.
pub(crate) fn presented(req: &HttpRequest) -> Option<&str> {
    let header = |name: &str| req.headers().get(name)?.to_str().ok();
    if let Some(key) = header("x-api-key") {
        return Some(key.trim());
    }
    let (scheme, key) = header(AUTHORIZATION.as_str())?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// Knows the keys and counts wrong ones.
pub(crate) struct Gatekeeper {
    operator: [u8; 32],
    from_env: Option<[u8; 32]>,
    known: RwLock<HashMap<[u8; 32], Arc<Known>>>,
    /// Counts changes, so that a look-up begun before one is not remembered after it.
    changes: AtomicU64,
    guesses: Mutex<Guesses>,
}

struct Known {
    id: i64,
    identity: Identity,
    touched: AtomicI64,
}

impl Gatekeeper {
    pub(crate) fn new(hub: &Hub, from_env: Option<&str>) -> Gatekeeper {
        Gatekeeper {
            operator: hash_token(&operator_key(hub.keyring())),
            from_env: from_env.filter(|key| !key.is_empty()).map(hash_token),
            known: RwLock::default(),
            changes: AtomicU64::new(0),
            guesses: Mutex::default(),
        }
    }

    /// Forgets what is remembered of the keys: they changed.
    pub(crate) fn forget(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        self.known.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    async fn prove(&self, state: &WebState, req: &HttpRequest, key: &str) -> Result<Identity, ApiError> {
        let now = state.hub.now();
        let hash = hash_token(key);
        if same_hash(&hash, &self.operator) {
            return Ok(Identity::by_key("operator", Scope::Write));
        }
        if let Some(identity) = self.stored(state, key, &hash, now).await? {
            return Ok(identity);
        }
        let from = source::ip(req, &state.trusted_proxies);
        let mut guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wait_s) = guesses.blocked(from, now.steady) {
            return Err(ApiError::slow_down(wait_s));
        }
        if self.from_env.is_some_and(|expected| same_hash(&hash, &expected)) {
            return Ok(Identity::by_key("key of the environment", Scope::Write));
        }
        guesses.wrong(from, now.steady);
        Err(ApiError::unauthorized("this management key is not valid"))
    }

    /// The key with this hash in the table, remembered once found.
    async fn stored(&self, state: &WebState, key: &str, hash: &[u8; 32], now: Now) -> Result<Option<Identity>, ApiError> {
        let remembered = self.known.read().unwrap_or_else(PoisonError::into_inner).get(hash).cloned();
        if let Some(known) = remembered {
            touch(state, &known, now);
            return Ok(Some(known.identity.clone()));
        }
        if !key.starts_with("pw_") || key.len() > KEY_MAX_BYTES {
            return Ok(None);
        }
        let (changes, wanted) = (self.changes.load(Ordering::Acquire), *hash);
        let Some(found) = state.hub.db().read(move |conn| keys::find(conn, &wanted)).await? else { return Ok(None) };
        let identity = Identity::by_key(format!("key {}", found.name), found.scope);
        let touched = AtomicI64::new(found.last_used_at.map_or(i64::MIN, |at| at.0));
        let known = Arc::new(Known { id: found.id, identity, touched });
        touch(state, &known, now);
        let mut remembered = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if self.changes.load(Ordering::Acquire) == changes {
            remembered.insert(wanted, known.clone());
        }
        Ok(Some(known.identity.clone()))
    }
}

/// Notes the use of a key now and then; nobody waits for it.
fn touch(state: &WebState, known: &Known, now: Now) {
    let last = known.touched.load(Ordering::Relaxed);
    if now.wall.0.saturating_sub(last) < TOUCH_MS
        || known.touched.compare_exchange(last, now.wall.0, Ordering::Relaxed, Ordering::Relaxed).is_err()
    {
        return;
    }
    let (db, id) = (state.hub.db().clone(), known.id);
    actix_web::rt::spawn(async move {
        if let Err(e) = db.write("touch key", move |tx| keys::touch(tx, id, now.wall)).await {
            log::debug!("keys: the use of key {id} was not noted: {e}");
        }
    });
}
