//! The form of a host, for a new one and for a change.

use super::windows;
use crate::body::Form;
use crate::error::ApiError;
use crate::render::{self, Flash, FormError, see_other};
use crate::state::WebState;
use crate::viewer::{CheckedForm, Viewer};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use actors::hub::HubError;
use domain::duration::Seconds;
use domain::host::{HostDraft, HostSpec};
use domain::log_settings::{LogDraft, LogSettings};
use domain::schedule::{BusinessHours, Schedule};
use serde::Serialize;
use serde_json::json;

/// Most tags read; the domain allows fewer.
const TAGS_MAX: usize = 1_000;

#[derive(Serialize)]
struct Page {
    /// Where the form goes, and the id of the host it changes.
    action: String,
    host_id: Option<String>,
    heading: String,
    business_hours: String,
    form: Fields,
    errors: Vec<FormError>,
}

/// What the inputs hold.
#[derive(Default, Serialize)]
struct Fields {
    name: String,
    host_id: String,
    expected_frequency: String,
    grace_period: String,
    schedule_type: String,
    timezone: String,
    windows: String,
    holidays: String,
    cron: String,
    cron_timezone: String,
    severity: String,
    tags: String,
    description: String,
    log_analysis: String,
    method: String,
    ssh_host: String,
    ssh_port: String,
    ssh_user: String,
    ssh_key_path: String,
    log_command: String,
    analysis_frequency: String,
    analysis_prompt: String,
}

/// The form for a new host.
#[utoipa::path(get, path = "/add-host", tag = "pages", operation_id = "add_host_form",
    responses((status = 200, content_type = "text/html", body = String, description = "The form")))]
pub(crate) async fn add(state: web::Data<WebState>, req: HttpRequest, viewer: Viewer) -> HttpResponse {
    let form = Fields {
        expected_frequency: "5m".into(),
        grace_period: "60s".into(),
        schedule_type: "always".into(),
        severity: "critical".into(),
        ..Fields::of_log(&LogSettings::default(), "none")
    };
    shown(&state, &req, &viewer, StatusCode::OK, None, form, Vec::new())
}

/// Adds the host and shows where its heartbeats go.
///
/// # Errors
/// The store's; wrong fields are told in the form.
#[utoipa::path(post, path = "/add-host", tag = "pages", operation_id = "add_host",
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "The form"),
    responses((status = 303, description = "To the host"),
        (status = 422, content_type = "text/html", body = String, description = "The form, with what is wrong")))]
pub(crate) async fn create(state: web::Data<WebState>, req: HttpRequest, sent: CheckedForm) -> Result<HttpResponse, ApiError> {
    let fields = Fields::sent(&sent.form);
    let made = match fields.draft(None) {
        Ok(draft) => state.hub.create_host(&draft).await,
        Err(errors) => return Ok(shown(&state, &req, &sent.viewer, StatusCode::UNPROCESSABLE_ENTITY, None, fields, errors)),
    };
    match told(made)? {
        Ok(made) => {
            let path = format!("/hosts/{}", made.record.spec.host_id);
            Ok(see_other(&state, &path, Flash::good(format!("{} is watched from now on.", made.record.spec.name))))
        }
        Err(errors) => Ok(shown(&state, &req, &sent.viewer, StatusCode::UNPROCESSABLE_ENTITY, None, fields, errors)),
    }
}

/// The form for a change.
///
/// # Errors
/// An unknown host, or the store.
#[utoipa::path(get, path = "/hosts/{host_id}/edit", tag = "pages", operation_id = "edit_host_form",
    params(("host_id" = String, Path, description = "Public id of the host")),
    responses((status = 200, content_type = "text/html", body = String, description = "The form")))]
pub(crate) async fn edit(state: web::Data<WebState>, req: HttpRequest, viewer: Viewer) -> Result<HttpResponse, ApiError> {
    let host_id = crate::hosts::id_in(&req)?;
    let record = state.hub.host(host_id).await?;
    let fields = Fields::of(&record.spec);
    Ok(shown(&state, &req, &viewer, StatusCode::OK, Some(host_id), fields, Vec::new()))
}

/// Changes the host.
///
/// # Errors
/// An unknown host, or the store; wrong fields are told in the form.
#[utoipa::path(post, path = "/hosts/{host_id}/edit", tag = "pages", operation_id = "edit_host",
    params(("host_id" = String, Path, description = "Public id of the host")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "The form"),
    responses((status = 303, description = "To the host"),
        (status = 422, content_type = "text/html", body = String, description = "The form, with what is wrong")))]
pub(crate) async fn update(state: web::Data<WebState>, req: HttpRequest, sent: CheckedForm) -> Result<HttpResponse, ApiError> {
    let host_id = crate::hosts::id_in(&req)?;
    let old = state.hub.host(host_id).await?;
    let fields = Fields::sent(&sent.form);
    let changed = match fields.draft(Some(&old.spec)) {
        Ok(draft) => told(state.hub.update_host(host_id, draft).await)?,
        Err(errors) => Err(errors),
    };
    match changed {
        Ok(record) => {
            let path = format!("/hosts/{host_id}");
            Ok(see_other(&state, &path, Flash::good(format!("{} was changed.", record.spec.name))))
        }
        Err(errors) => Ok(shown(&state, &req, &sent.viewer, StatusCode::UNPROCESSABLE_ENTITY, Some(host_id), fields, errors)),
    }
}

/// What the hub says of the fields; anything else is an error of the request.
fn told<T>(done: Result<T, HubError>) -> Result<Result<T, Vec<FormError>>, ApiError> {
    match done {
        Ok(done) => Ok(Ok(done)),
        Err(HubError::Fields(fields)) => Ok(Err(FormError::of(&fields))),
        Err(HubError::Taken(field)) => Ok(Err(FormError::of(&[field]))),
        Err(e) => Err(e.into()),
    }
}

fn shown(
    state: &WebState,
    req: &HttpRequest,
    viewer: &Viewer,
    status: StatusCode,
    host_id: Option<&str>,
    form: Fields,
    mut errors: Vec<FormError>,
) -> HttpResponse {
    // Either kind of schedule has a zone of its own in the form.
    for error in errors.iter_mut().filter(|error| form.schedule_type == "cron" && error.input == "timezone") {
        *error = FormError::new("cron_timezone", std::mem::take(&mut error.message));
    }
    for error in &mut errors {
        if let Some(input) = error.input.strip_prefix("log_analysis.") {
            *error = FormError::new(input, std::mem::take(&mut error.message));
        }
    }
    let heading = host_id.map_or_else(|| "Add a host".to_owned(), |host_id| format!("Edit {host_id}"));
    let action = host_id.map_or_else(|| "/add-host".to_owned(), |host_id| format!("/hosts/{host_id}/edit"));
    let page = Page {
        action,
        host_id: host_id.map(str::to_owned),
        heading: heading.clone(),
        business_hours: hours_text(&state.business),
        form,
        errors,
    };
    render::page(state, req, status, "host_form", &heading, "dashboard", Some(viewer), &page)
}

/// The hub's business hours in words.
pub(super) fn hours_text(business: &BusinessHours) -> String {
    let hours = business.to_json();
    format!("{}, {}", windows::text(&hours["windows"]), hours["timezone"].as_str().unwrap_or_default())
}

impl Fields {
    fn sent(form: &Form) -> Fields {
        let field = |name| form.get(name).unwrap_or_default().trim().to_owned();
        Fields {
            name: field("name"),
            host_id: field("host_id"),
            expected_frequency: field("expected_frequency"),
            grace_period: field("grace_period"),
            schedule_type: field("schedule_type"),
            timezone: field("timezone"),
            // Without empty lines the domain counts windows as people count lines.
            windows: field("windows").lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("\n"),
            holidays: field("holidays").replace("\r\n", "\n"),
            cron: field("cron"),
            cron_timezone: field("cron_timezone"),
            severity: field("severity"),
            tags: field("tags"),
            description: field("description").replace("\r\n", "\n"),
            log_analysis: field("log_analysis"),
            method: field("method"),
            ssh_host: field("ssh_host"),
            ssh_port: field("ssh_port"),
            ssh_user: field("ssh_user"),
            ssh_key_path: field("ssh_key_path"),
            log_command: field("log_command").replace("\r\n", "\n"),
            analysis_frequency: field("analysis_frequency"),
            analysis_prompt: field("analysis_prompt").replace("\r\n", "\n"),
        }
    }

    /// The fields of a log alone.
    fn of_log(log: &LogSettings, log_analysis: &str) -> Fields {
        Fields {
            log_analysis: log_analysis.to_owned(),
            method: log.method.as_str().to_owned(),
            ssh_host: log.ssh_host.clone(),
            ssh_port: log.ssh_port.to_string(),
            ssh_user: log.ssh_user.clone(),
            ssh_key_path: log.ssh_key_path.clone(),
            log_command: log.log_command.clone(),
            analysis_frequency: written(log.frequency_s),
            analysis_prompt: log.analysis_prompt.clone(),
            ..Fields::default()
        }
    }

    /// What these fields say of the log; nothing when they say that it is not described.
    fn log_draft(&self) -> Option<LogDraft> {
        let enabled = match self.log_analysis.as_str() {
            "on" => true,
            "off" => false,
            _ => return None,
        };
        let said = |text: &String| (!text.is_empty()).then(|| text.clone());
        Some(LogDraft {
            enabled: Some(enabled),
            method: said(&self.method),
            ssh_host: Some(self.ssh_host.clone()),
            // Text that is no number is no port either.
            ssh_port: said(&self.ssh_port).map(|port| port.parse().unwrap_or(0)),
            ssh_user: Some(self.ssh_user.clone()),
            ssh_key_path: said(&self.ssh_key_path),
            log_command: said(&self.log_command),
            analysis_frequency: said(&self.analysis_frequency).map(Seconds::Text),
            analysis_prompt: Some(self.analysis_prompt.clone()),
        })
    }

    fn of(spec: &HostSpec) -> Fields {
        let custom = matches!(&*spec.schedule, Schedule::Custom(_)).then(|| spec.schedule.config()).flatten();
        let custom = custom.unwrap_or_default();
        let holidays = custom["holidays"].as_array().into_iter().flatten().filter_map(|day| day.as_str());
        Fields {
            name: spec.name.clone(),
            host_id: spec.host_id.as_str().to_owned(),
            expected_frequency: written(spec.frequency_s),
            grace_period: written(spec.grace_s),
            schedule_type: spec.schedule.kind().to_owned(),
            timezone: custom["timezone"].as_str().unwrap_or_default().to_owned(),
            windows: windows::text(&custom["windows"]),
            holidays: holidays.collect::<Vec<_>>().join("\n"),
            cron: spec.schedule.cron().map(|cron| cron.crontab().as_str().to_owned()).unwrap_or_default(),
            cron_timezone: spec.schedule.cron().map(|cron| cron.timezone().to_string()).unwrap_or_default(),
            severity: spec.severity.as_str().to_owned(),
            tags: spec.tags.join(", "),
            description: spec.description.clone(),
            ..match spec.log_analysis.as_deref() {
                Some(log) => Fields::of_log(log, if log.enabled { "on" } else { "off" }),
                None => Fields::of_log(&LogSettings::default(), "none"),
            }
        }
    }

    /// The draft these fields describe; `old` is the host they change.
    fn draft(&self, old: Option<&HostSpec>) -> Result<HostDraft, Vec<FormError>> {
        let windows = windows::parse(&self.windows).map_err(|line| {
            let fix = format!("line {line} is not understood: write days and times, for example Mon-Fri 08:00-18:00");
            vec![FormError::new("windows", fix)]
        });
        let text = |text: &String| (!text.is_empty()).then(|| text.clone());
        // Of a new host an empty field is a missing one; of an old one it was emptied, which is for the domain to refuse.
        let said = |text: &String| (old.is_some() || !text.is_empty()).then(|| text.clone());
        let (schedule_type, schedule_config) = match self.schedule_type.as_str() {
            "custom" => {
                let holidays: Vec<&str> =
                    self.holidays.split(['\n', ',', ' ']).map(str::trim).filter(|day| !day.is_empty()).collect();
                let config = json!({"timezone": self.timezone, "windows": windows?, "holidays": holidays});
                (text(&self.schedule_type), Some(config))
            }
            "cron" => (text(&self.schedule_type), Some(json!({"cron": self.cron, "timezone": self.cron_timezone}))),
            // Business hours of its own, set through the API, stay as they are.
            "business_hours" if old.is_some_and(|old| old.schedule.kind() == "business_hours") => (None, None),
            _ => (text(&self.schedule_type), None),
        };
        let tags = self.tags.split(',').map(str::trim).filter(|tag| !tag.is_empty()).take(TAGS_MAX).map(str::to_owned);
        Ok(HostDraft {
            name: said(&self.name),
            host_id: if old.is_none() { text(&self.host_id) } else { None },
            expected_frequency: said(&self.expected_frequency).map(Seconds::Text),
            grace_period: said(&self.grace_period).map(Seconds::Text),
            schedule_type,
            schedule_config,
            severity: text(&self.severity),
            tags: Some(tags.collect()),
            description: Some(self.description.clone()),
            log_analysis: self.log_draft(),
        })
    }
}

/// Seconds as people type them: `5m`, `1h30m`.
pub(super) fn written(seconds: u32) -> String {
    let mut rest = seconds;
    let mut text = String::new();
    for (letter, length) in [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)] {
        if rest >= length {
            text.push_str(&(rest / length).to_string());
            text.push(letter);
            rest %= length;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_as_they_are_read() {
        for seconds in [0, 1, 59, 60, 300, 5_400, 86_400, 90_061, 31_622_400] {
            assert_eq!(domain::duration::parse(&written(seconds)), Ok(u64::from(seconds)));
        }
    }

    #[test]
    fn a_host_goes_into_the_form_and_comes_back_the_same() {
        let business = BusinessHours::default();
        let draft: HostDraft = serde_json::from_value(json!({
            "name": "Night", "expected_frequency": "10m", "grace_period": "90s", "tags": ["a", "b c"], "severity": "info",
            "description": "two\nlines", "schedule_type": "custom",
            "schedule_config": {"timezone": "Europe/Berlin", "holidays": ["2026-12-25"],
                "windows": [{"days": [1, 2, 3], "start": "22:00", "end": "06:00"}]},
            "log_analysis": {"enabled": false, "ssh_host": "10.0.0.7", "ssh_user": "logs", "ssh_port": 2222, "analysis_prompt": "a\nb"}
        }))
        .unwrap();
        let spec = draft.create(&business).unwrap();
        let again = Fields::of(&spec).draft(Some(&spec)).unwrap().overlay(&spec, &business).unwrap();
        assert_eq!(again, spec);
    }

    #[test]
    fn an_emptied_name_is_an_error_and_not_forgotten() {
        let spec = Fields { name: "x".into(), expected_frequency: "5m".into(), ..Fields::default() };
        let spec = spec.draft(None).unwrap().create(&BusinessHours::default()).unwrap();
        let emptied = Fields { name: String::new(), ..Fields::of(&spec) };
        let errors = emptied.draft(Some(&spec)).unwrap().overlay(&spec, &BusinessHours::default()).unwrap_err();
        assert_eq!(errors[0].field, "name");
    }
}
