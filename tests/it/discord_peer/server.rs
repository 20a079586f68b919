//! The peer's routes: the calls of a webhook, answered as the mode says.

use super::{Limit, Message, Mode, Rude, Seen, Shared, TOKEN, wall};
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Path, PayloadConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use futures_util::stream;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Long enough for every caller to give up.
const FOREVER: Duration = Duration::from_secs(3_600);
/// What is sent of an answer before it breaks off gets this long to leave.
const SHORTLY: Duration = Duration::from_millis(50);

/// The server and where it listens.
pub(super) fn start(shared: Arc<Shared>) -> (actix_web::dev::Server, SocketAddr) {
    let data = Data::from(shared);
    let server = HttpServer::new(move || {
        let mut app = App::new().app_data(data.clone()).app_data(PayloadConfig::new(1 << 20));
        for base in ["/api/webhooks/{id}/{token}", "/api/v10/webhooks/{id}/{token}"] {
            app = app
                .route(base, web::post().to(post))
                .route(base, web::get().to(probe))
                .route(&format!("{base}/messages/{{message}}"), web::patch().to(edit));
        }
        app
    });
    let server = server.workers(1).disable_signals().bind("127.0.0.1:0").expect("a free port");
    let address = server.addrs()[0];
    (server.run(), address)
}

async fn post(req: HttpRequest, shared: Data<Shared>, path: Path<(u64, String)>, body: Bytes) -> HttpResponse {
    let at = wall();
    let (webhook, token) = path.into_inner();
    let body = arrived(&req, &shared, webhook, &body);
    if !req.query_string().split('&').any(|part| part == "wait=true") {
        shared.violation("a POST without wait=true is never confirmed".into());
    }
    let store = |shared: &Shared, by: &Mode| {
        let mut state = shared.state();
        state.ids += 1;
        let id = format!("{}", 1_400_000_000_000_000_000 + state.ids);
        state.messages.push(Message {
            id: id.clone(),
            webhook,
            body: body.clone(),
            before: Vec::new(),
            arrived: at,
            by: by.clone(),
        });
        message(&id, webhook, &body)
    };
    answer(&shared, webhook, &token, store).await
}

async fn edit(req: HttpRequest, shared: Data<Shared>, path: Path<(u64, String, String)>, body: Bytes) -> HttpResponse {
    let (webhook, token, id) = path.into_inner();
    let body = arrived(&req, &shared, webhook, &body);
    let known = shared.state().messages.iter().any(|message| message.id == id && message.webhook == webhook);
    if !known && token == TOKEN {
        return refusal(404, 10_008);
    }
    let store = |shared: &Shared, _: &Mode| {
        let mut state = shared.state();
        if let Some(message) = state.messages.iter_mut().find(|message| message.id == id) {
            let before = std::mem::replace(&mut message.body, body.clone());
            message.before.push(before);
        }
        message(&id, webhook, &body)
    };
    answer(&shared, webhook, &token, store).await
}

async fn probe(req: HttpRequest, shared: Data<Shared>, path: Path<(u64, String)>) -> HttpResponse {
    let (webhook, token) = path.into_inner();
    seen(&req, &shared, webhook);
    let hook = json!({"id": webhook.to_string(), "type": 1, "name": "alerts", "channel_id": "1", "guild_id": "2", "avatar": null,
        "application_id": null, "token": token});
    answer(&shared, webhook, &token, |_, _| hook.clone()).await
}

/// Notes the call, checks its headers and its body, and answers the body.
fn arrived(req: &HttpRequest, shared: &Shared, webhook: u64, body: &[u8]) -> Value {
    seen(req, shared, webhook);
    let header = |name: &str| req.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (agent, kind) = (header("user-agent"), header("content-type"));
    if !(agent.starts_with("DiscordBot (http") && agent.contains(", ") && agent.ends_with(')')) {
        shared.violation(format!("User-Agent '{agent}' is not of the form DiscordBot (url, version)"));
    }
    if !kind.starts_with("application/json") {
        shared.violation(format!("Content-Type '{kind}' is not JSON"));
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_else(|e| {
        shared.violation(format!("the body is no JSON: {e}"));
        Value::Null
    });
    if let Some(rules) = &shared.rules {
        for fault in rules.faults(req.method() == actix_web::http::Method::PATCH, &body) {
            shared.violation(fault);
        }
    }
    body
}

fn seen(req: &HttpRequest, shared: &Shared, webhook: u64) {
    let path = req.uri().to_string().replace(TOKEN, "TOKEN");
    let mut state = shared.state();
    state.patience.call(webhook, &format!("{} {path}", req.method()));
    state.seen.push(Seen { method: req.method().to_string(), path });
}

/// Answers as the mode says; `store` does what the call asks for and answers what Discord would.
async fn answer(shared: &Data<Shared>, webhook: u64, token: &str, store: impl Fn(&Shared, &Mode) -> Value) -> HttpResponse {
    if token != TOKEN {
        return refusal(401, 50_027);
    }
    let mode = shared.next_mode();
    shared.state().patience.answer(webhook, &mode);
    let store = |shared: &Shared| store(shared, &mode);
    match &mode {
        Mode::Ok => good(store(shared)),
        Mode::Slow(ms) => {
            tokio::time::sleep(Duration::from_millis(*ms)).await;
            good(store(shared))
        }
        Mode::Drip(ms) => dripping(Duration::from_millis(*ms), store(shared).to_string()),
        Mode::Down | Mode::Away => cut(shared).await,
        Mode::AcceptThenDrop => {
            store(shared);
            cut(shared).await
        }
        Mode::Reset => broken_off(shared, &store(shared).to_string()),
        Mode::Hang => {
            tokio::time::sleep(FOREVER).await;
            HttpResponse::NoContent().finish()
        }
        Mode::Status(status) => HttpResponse::build(code(*status)).finish(),
        Mode::Refuse(status, number) => refusal(*status, *number),
        Mode::RateLimit(limit) => limited(limit, || store(shared)),
        Mode::Rude(rude) => rudeness(rude, || store(shared)),
    }
}

fn good(body: Value) -> HttpResponse {
    let headers = [("X-RateLimit-Limit", "5"), ("X-RateLimit-Remaining", "4"), ("X-RateLimit-Reset-After", "2.0")];
    let mut answer = HttpResponse::Ok();
    for header in headers {
        answer.insert_header(header);
    }
    answer.json(body)
}

async fn cut(shared: &Shared) -> HttpResponse {
    shared.cut();
    tokio::time::sleep(FOREVER).await;
    HttpResponse::NoContent().finish()
}

/// Half of an answer whose length is known, and then the end of the connection.
fn broken_off(shared: &Data<Shared>, text: &str) -> HttpResponse {
    let (shared, length) = (shared.clone(), text.len() as u64);
    let half = Bytes::from(text[..text.len() / 2].to_owned());
    let parts = stream::unfold(Some(half), move |half| {
        let shared = shared.clone();
        async move {
            if let Some(half) = half {
                return Some((Ok::<_, actix_web::Error>(half), None));
            }
            tokio::time::sleep(SHORTLY).await;
            shared.cut();
            tokio::time::sleep(FOREVER).await;
            None
        }
    });
    HttpResponse::Ok().content_type("application/json").no_chunking(length).streaming(parts)
}

/// A good answer, a byte at a time.
fn dripping(pause: Duration, text: String) -> HttpResponse {
    let (length, bytes) = (text.len() as u64, text.into_bytes().into_iter());
    let parts = stream::unfold(bytes, move |mut bytes| async move {
        let byte = bytes.next()?;
        tokio::time::sleep(pause).await;
        Some((Ok::<_, actix_web::Error>(Bytes::copy_from_slice(&[byte])), bytes))
    });
    HttpResponse::Ok().content_type("application/json").no_chunking(length).streaming(parts)
}

fn refusal(status: u16, number: u64) -> HttpResponse {
    let errors =
        json!({"embeds": {"0": {"description": {"_errors": [{"code": "BASE_TYPE_BAD_LENGTH", "message": "too long"}]}}}});
    let mut body = json!({"code": number, "message": "refused by the test peer"});
    if number == 50_035 {
        body["errors"] = errors;
    }
    HttpResponse::build(code(status)).json(body)
}

fn limited(limit: &Limit, store: impl Fn() -> Value) -> HttpResponse {
    let mut answer = HttpResponse::TooManyRequests();
    let told = |seconds, global| json!({"message": "You are being rate limited.", "retry_after": seconds, "global": global});
    match limit {
        Limit::Json(seconds) | Limit::Global(seconds) | Limit::Shared(seconds) => {
            let global = matches!(limit, Limit::Global(_));
            answer.insert_header(("Retry-After", format!("{}", seconds.ceil())));
            let scope = if matches!(limit, Limit::Shared(_)) { "shared" } else { "user" };
            answer.insert_header(("X-RateLimit-Scope", if global { "global" } else { scope }));
            if scope == "user" && !global {
                answer.insert_header(("X-RateLimit-Remaining", "0"));
                answer.insert_header(("X-RateLimit-Reset-After", seconds.to_string()));
            }
            if global {
                answer.insert_header(("X-RateLimit-Global", "true"));
            }
            answer.json(told(*seconds, global))
        }
        Limit::BodyOnly(seconds) => answer.json(told(*seconds, false)),
        Limit::Bare => answer.finish(),
        Limit::HeadersOnly(seconds) => answer.insert_header(("Retry-After", seconds.to_string())).finish(),
        Limit::Cloudflare(seconds) => {
            if let Some(seconds) = seconds {
                answer.insert_header(("Retry-After", seconds.to_string()));
            }
            answer.content_type("text/html").body("<html><title>Access denied | Error 1015</title></html>")
        }
        Limit::Spent(seconds) => {
            let headers = [("X-RateLimit-Remaining", "0".to_owned()), ("X-RateLimit-Reset-After", seconds.to_string())];
            let mut answer = HttpResponse::Ok();
            for header in headers {
                answer.insert_header(header);
            }
            answer.json(store())
        }
    }
}

fn rudeness(rude: &Rude, store: impl Fn() -> Value) -> HttpResponse {
    match rude {
        Rude::Garbage => {
            store();
            HttpResponse::Ok().content_type("application/json").body("\u{0}<html>}{")
        }
        Rude::NoId => {
            store();
            HttpResponse::Ok().json(json!({"id": "../../1"}))
        }
        Rude::Redirect(to) => HttpResponse::Found().insert_header(("Location", to.as_str())).finish(),
        Rude::Huge => {
            let mut body = store();
            body["padding"] = "x".repeat(4 << 20).into();
            HttpResponse::Ok().json(body)
        }
    }
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).expect("a status")
}

/// What Discord answers about a message.
fn message(id: &str, webhook: u64, body: &Value) -> Value {
    json!({"id": id, "type": 0, "content": body["content"].as_str().unwrap_or_default(), "channel_id": "1", "embeds": body["embeds"],
        "mentions": [], "mention_roles": [], "attachments": [], "components": [], "timestamp": "2026-11-23T08:00:00.000000+00:00",
        "edited_timestamp": null, "flags": 0, "pinned": false, "mention_everyone": false, "tts": false,
        "webhook_id": webhook.to_string(),
        "author": {"id": webhook.to_string(), "username": "alerts", "avatar": null, "discriminator": "0000", "public_flags": 0,
            "flags": 0, "bot": true, "global_name": null, "primary_guild": null}})
}
