//! Every route in one place, and the server around them.

use crate::error::ApiError;
use crate::state::WebState;
use crate::{
    ack, alerts, analyses, auth, events, headers, health, heartbeat, hosts, internet, keys, openapi, pages, render, settings,
    setup, ssh_keys, supervision, syslog, users,
};
use actix_web::dev::{HttpServiceFactory, Server};
use actix_web::middleware::from_fn;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, Resource, web};
use std::net::TcpListener;
use std::time::Duration;

/// Everything that is answered. Heartbeats come first and pass nothing else.
pub fn configure(cfg: &mut ServiceConfig, state: web::Data<WebState>) {
    cfg.app_data(state.clone());
    cfg.service(heartbeat::Routes(state));
    let rest = web::scope("")
        .wrap(from_fn(headers::guard))
        .service(
            resource("/api/v1/health", "GET, HEAD").route(web::get().to(health::health)).route(web::head().to(health::health)),
        )
        .service(
            resource("/api/v1/openapi.json", "GET, HEAD")
                .route(web::get().to(openapi::document))
                .route(web::head().to(openapi::document)),
        )
        .service(resource("/setup", "GET, POST").route(web::get().to(setup::show)).route(web::post().to(setup::make)))
        .service(resource("/ack/{token}", "GET, POST").route(web::get().to(ack::show)).route(web::post().to(ack::acknowledge)))
        .service(
            resource("/login", "GET, POST")
                .route(web::get().to(pages::sign_in::show))
                .route(web::post().to(pages::sign_in::enter)),
        )
        .service(resource("/logout", "POST").route(web::post().to(pages::sign_in::leave)))
        .service(resource("/account", "GET").route(web::get().to(pages::account::show)))
        .service(resource("/account/password", "POST").route(web::post().to(pages::account::set_password)))
        .service(resource("/account/sessions/end", "POST").route(web::post().to(pages::account::end_others)))
        .service(
            resource("/users", "GET, POST").route(web::get().to(pages::users::show)).route(web::post().to(pages::users::add)),
        )
        .service(resource("/users/{id}/role", "POST").route(web::post().to(pages::users::set_role)))
        .service(resource("/users/{id}/password", "POST").route(web::post().to(pages::users::set_password)))
        .service(resource("/users/{id}/remove", "POST").route(web::post().to(pages::users::remove)))
        .service(resource("/keys", "GET, POST").route(web::get().to(pages::keys::show)).route(web::post().to(pages::keys::make)))
        .service(resource("/keys/{id}/revoke", "POST").route(web::post().to(pages::keys::revoke)))
        .service(resource("/", "GET").route(web::get().to(pages::dashboard::root)))
        .service(resource("/dashboard", "GET").route(web::get().to(pages::dashboard::show)))
        .service(resource("/api/v1/dashboard", "GET").route(web::get().to(pages::dashboard::show_api)))
        .service(
            resource("/add-host", "GET, POST")
                .route(web::get().to(pages::host_form::add))
                .route(web::post().to(pages::host_form::create)),
        )
        .service(resource("/hosts/{host_id}", "GET").route(web::get().to(pages::host::show)))
        .service(
            resource("/hosts/{host_id}/edit", "GET, POST")
                .route(web::get().to(pages::host_form::edit))
                .route(web::post().to(pages::host_form::update)),
        )
        .service(resource("/hosts/{host_id}/pause", "POST").route(web::post().to(pages::host_do::pause)))
        .service(resource("/hosts/{host_id}/resume", "POST").route(web::post().to(pages::host_do::resume)))
        .service(resource("/hosts/{host_id}/silence", "POST").route(web::post().to(pages::host_do::silence)))
        .service(
            resource("/hosts/{host_id}/rotate-token", "GET, POST")
                .route(web::get().to(pages::host_do::ask_rotate))
                .route(web::post().to(pages::host_do::rotate_token)),
        )
        .service(
            resource("/hosts/{host_id}/remove", "GET, POST")
                .route(web::get().to(pages::host_do::ask_remove))
                .route(web::post().to(pages::host_do::remove)),
        )
        .service(resource("/hosts/{host_id}/ssh-key/accept", "POST").route(web::post().to(pages::host_intake::accept)))
        .service(resource("/hosts/{host_id}/ssh-key/forget", "POST").route(web::post().to(pages::host_intake::forget)))
        .service(resource("/hosts/{host_id}/syslog", "POST").route(web::post().to(pages::host_intake::bind)))
        .service(resource("/alerts", "GET").route(web::get().to(pages::alerts::show)))
        .service(resource("/alerts/{id}", "GET").route(web::get().to(pages::alert::show)))
        .service(resource("/alerts/{id}/acknowledge", "POST").route(web::post().to(pages::alert::acknowledge)))
        .service(resource("/alerts/{id}/silence", "POST").route(web::post().to(pages::alert::silence)))
        .service(resource("/findings", "GET").route(web::get().to(pages::findings::show)))
        .service(resource("/ledger", "GET").route(web::get().to(pages::findings::ledger)))
        .service(resource("/hosts/{host_id}/analyze", "POST").route(web::post().to(pages::host_do::analyze)))
        .service(resource("/deliveries", "GET").route(web::get().to(pages::deliveries::show)))
        .service(resource("/supervision", "GET").route(web::get().to(pages::supervision::show)))
        .service(resource("/internet", "GET").route(web::get().to(pages::internet::show)))
        .service(resource("/config", "GET").route(web::get().to(pages::config::show)))
        .service(resource("/config/webhook", "POST").route(web::post().to(pages::config_do::set_webhook)))
        .service(resource("/config/webhook/remove", "POST").route(web::post().to(pages::config_do::remove_webhook)))
        .service(resource("/config/webhook/test", "POST").route(web::post().to(pages::config_do::test_webhook)))
        .service(resource("/config/upstream", "POST").route(web::post().to(pages::config_do::set_upstream)))
        .service(resource("/config/public", "POST").route(web::post().to(pages::config_do::set_public)))
        .service(resource("/config/revisions/{id}/undo", "POST").route(web::post().to(pages::config_do::undo)))
        .service(resource("/status", "GET").route(web::get().to(pages::status::show)))
        .service(resource("/badge/{host_id}.svg", "GET").route(web::get().to(pages::status::badge)))
        .service(resource("/static/{name}", "GET").route(web::get().to(render::asset)))
        .service(management())
        .default_service(web::to(nothing));
    cfg.service(rest);
}

/// What needs a key: all of `/api/v1` that is left.
fn management() -> impl HttpServiceFactory {
    web::scope("/api/v1")
        .wrap(from_fn(auth::guard))
        .service(resource("/hosts", "GET, POST").route(web::get().to(hosts::list)).route(web::post().to(hosts::create)))
        .service(
            resource("/hosts/{host_id}", "GET, PATCH, DELETE")
                .route(web::get().to(hosts::get))
                .route(web::patch().to(hosts::update))
                .route(web::delete().to(hosts::remove)),
        )
        .service(resource("/hosts/{host_id}/pause", "POST").route(web::post().to(hosts::pause)))
        .service(resource("/hosts/{host_id}/resume", "POST").route(web::post().to(hosts::resume)))
        .service(resource("/hosts/{host_id}/rotate-token", "POST").route(web::post().to(hosts::rotate_token)))
        .service(resource("/hosts/{host_id}/heartbeats", "GET").route(web::get().to(hosts::heartbeats)))
        .service(resource("/hosts/{host_id}/events", "GET").route(web::get().to(hosts::events)))
        .service(resource("/hosts/{host_id}/explain", "GET").route(web::get().to(hosts::explain)))
        .service(resource("/hosts/{host_id}/uptime", "GET").route(web::get().to(hosts::uptime)))
        .service(resource("/hosts/{host_id}/analyze", "POST").route(web::post().to(analyses::analyze)))
        .service(resource("/analyses", "GET").route(web::get().to(analyses::list)))
        .service(resource("/analyses/{id}", "GET").route(web::get().to(analyses::get)))
        .service(resource("/findings", "GET").route(web::get().to(analyses::findings)))
        .service(resource("/ledger", "GET").route(web::get().to(analyses::ledger)))
        .service(resource("/hosts/{host_id}/ssh-key", "GET").route(web::get().to(ssh_keys::get)))
        .service(resource("/hosts/{host_id}/ssh-key/accept", "POST").route(web::post().to(ssh_keys::accept)))
        .service(resource("/hosts/{host_id}/ssh-key/forget", "POST").route(web::post().to(ssh_keys::forget)))
        .service(
            resource("/hosts/{host_id}/syslog", "GET, PUT").route(web::get().to(syslog::get)).route(web::put().to(syslog::set)),
        )
        .service(resource("/syslog", "GET").route(web::get().to(syslog::strangers)))
        .service(resource("/alerts", "GET").route(web::get().to(alerts::list)))
        .service(resource("/alerts/{id}", "GET").route(web::get().to(alerts::get)))
        .service(resource("/alerts/{id}/acknowledge", "POST").route(web::post().to(alerts::acknowledge)))
        .service(resource("/alerts/{id}/silence", "POST").route(web::post().to(alerts::silence)))
        .service(resource("/users", "GET, POST").route(web::get().to(users::list)).route(web::post().to(users::create)))
        .service(
            resource("/users/{id}", "PATCH, DELETE").route(web::patch().to(users::update)).route(web::delete().to(users::remove)),
        )
        .service(resource("/keys", "GET, POST").route(web::get().to(keys::list)).route(web::post().to(keys::create)))
        .service(resource("/keys/{id}", "DELETE").route(web::delete().to(keys::revoke)))
        .service(
            resource("/settings/webhook", "GET, PUT")
                .route(web::get().to(settings::get_webhook))
                .route(web::put().to(settings::set_webhook)),
        )
        .service(resource("/settings/webhook/test", "POST").route(web::post().to(settings::test_webhook)))
        .service(
            resource("/settings/upstream", "GET, PUT")
                .route(web::get().to(settings::get_upstream))
                .route(web::put().to(settings::set_upstream)),
        )
        .service(resource("/settings/all", "GET").route(web::get().to(settings::all)))
        .service(resource("/settings/revisions", "GET").route(web::get().to(settings::revisions)))
        .service(resource("/settings/revisions/{id}/undo", "POST").route(web::post().to(settings::undo)))
        .service(resource("/internet", "GET").route(web::get().to(internet::show)))
        .service(resource("/internet/outages.csv", "GET").route(web::get().to(internet::csv)))
        .service(resource("/supervision", "GET").route(web::get().to(supervision::show)))
        .service(resource("/events", "GET").route(web::get().to(events::show)))
        .default_service(web::to(nothing))
}

/// A resource whose other methods are answered in our shape.
fn resource(path: &str, allow: &'static str) -> Resource {
    web::resource(path.to_owned())
        .default_service(web::to(move || async move { Err::<HttpResponse, ApiError>(ApiError::method_not_allowed(allow)) }))
}

async fn nothing(_: HttpRequest) -> Result<HttpResponse, ApiError> {
    Err(ApiError::not_found("address"))
}

/// Who takes nothing of what is sent to him is cut off by the kernel: connections inherit it from the listener, and nothing
/// in user space would ever give up on them.
fn let_go_of_the_deaf(listener: &TcpListener, after_ms: u64) {
    let after_ms = u32::try_from(after_ms).unwrap_or(u32::MAX);
    if let Err(e) = rustix::net::sockopt::set_tcp_user_timeout(listener, after_ms) {
        log::warn!("connections that read nothing cannot be cut off here: {e}");
    }
}

/// The server on a listener that is bound already; it runs when awaited or spawned.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve(listener: TcpListener, state: web::Data<WebState>) -> std::io::Result<Server> {
    let limits = state.limits;
    let workers = limits.workers.max(1);
    let ms = Duration::from_millis;
    let_go_of_the_deaf(&listener, limits.send_wait_ms);
    let server = HttpServer::new(move || {
        let state = state.clone();
        App::new().configure(move |cfg| configure(cfg, state))
    });
    let server = server
        .workers(workers)
        .max_connections((limits.connections_most / workers).max(1))
        .backlog(limits.backlog)
        .keep_alive(ms(limits.idle_wait_ms))
        .client_request_timeout(ms(limits.header_wait_ms))
        .client_disconnect_timeout(ms(1_000))
        .shutdown_timeout(limits.stop_wait_s)
        .disable_signals()
        .listen(listener)?;
    Ok(server.run())
}
