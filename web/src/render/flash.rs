//! What a form did, told on the page after it: a signed cookie that lives a minute and is taken once.

use super::cookie;
use crate::state::WebState;
use actix_web::http::header::{HeaderValue, LOCATION, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

const COOKIE: &str = "flash";
const PURPOSE: &str = "flash";
const LIVES_S: u32 = 60;
/// Longest text: a cookie has 4096 bytes, and base64 needs a third more.
const TEXT_MAX_CHARS: usize = 500;

/// One message.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Flash {
    /// Whether it did what was asked.
    pub(crate) good: bool,
    /// In words.
    pub(crate) text: String,
}

impl Flash {
    /// It was done.
    pub(crate) fn good(text: impl Into<String>) -> Flash {
        Flash { good: true, text: text.into() }
    }

    /// It was not.
    pub(crate) fn bad(text: impl Into<String>) -> Flash {
        Flash { good: false, text: text.into() }
    }
}

/// Sends the browser to `path` with a message: a reload there does not send the form again.
pub(crate) fn see_other(state: &WebState, path: &str, flash: Flash) -> HttpResponse {
    let Flash { good, text } = flash;
    let text = text.chars().take(TEXT_MAX_CHARS).collect();
    let told = serde_json::to_vec(&Flash { good, text }).expect("text serialises");
    let signature = state.hub.keyring().sign(PURPOSE, &told);
    let cookie = format!(
        "{COOKIE}={}.{}; Path=/; Max-Age={LIVES_S}; HttpOnly; SameSite=Lax",
        URL_SAFE_NO_PAD.encode(&told),
        URL_SAFE_NO_PAD.encode(signature)
    );
    HttpResponse::SeeOther().insert_header((LOCATION, path)).append_header((SET_COOKIE, cookie)).finish()
}

/// The message a request brings; one we did not sign is none.
pub(super) fn taken(state: &WebState, req: &HttpRequest) -> Option<Flash> {
    let (told, signature) = cookie(req, COOKIE)?.split_once('.')?;
    let (told, signature) = (URL_SAFE_NO_PAD.decode(told).ok()?, URL_SAFE_NO_PAD.decode(signature).ok()?);
    let expected = state.hub.keyring().sign(PURPOSE, &told);
    let ours: bool = subtle::ConstantTimeEq::ct_eq(&expected[..], &signature[..]).into();
    serde_json::from_slice(&told).ok().filter(|_| ours)
}

/// The cookie that ends the message.
pub(super) fn gone() -> HeaderValue {
    HeaderValue::from_static("flash=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax")
}
