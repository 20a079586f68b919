//! The sentence in each message: templates compiled in, each replaceable by a file `config/templates/NAME.hbs`.
//!
//! A template that cannot work is told at the start with its file and line; one that fails later falls back to the compiled-in
//! text, is reported once, and never costs a message.

use domain::duration::words;
use domain::incident::{AlertType, Cause};
use domain::notice::{Incident, plain, stamp};
use handlebars::template::{HelperTemplate, TemplateElement};
use handlebars::{Handlebars, RenderError, Template, no_escape};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The templates and what they say unless somebody writes another.
const DEFAULTS: [(&str, &str); 8] = [
    ("host_down", "Host '{{host}}' missed heartbeat"),
    ("job_overdue", "Host '{{host}}' started a job that did not finish in time"),
    ("job_failed", "Host '{{host}}' reported a failure{{#if exit_code}} (exit code {{exit_code}}){{/if}}"),
    ("not_monitored", "Host '{{host}}' is not monitored: internal error"),
    ("log_finding", "{{why}}"),
    ("internet", "{{why}}"),
    ("system_error", "{{why}}"),
    ("recovered", "{{#if host}}Host '{{host}}'{{else}}{{why}}:{{/if}} is fine again after {{outage}}"),
];
/// Longest file that is read.
const FILE_MAX_BYTES: u64 = 16 << 10;
/// Longest value that enters a template.
const VALUE_MAX_UNITS: usize = 1_000;

/// The templates in force.
pub struct Texts {
    own: Handlebars<'static>,
    compiled_in: Handlebars<'static>,
    reported: Mutex<HashSet<&'static str>>,
}

/// A template that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {message}", file.display(), line.map(|n| format!(":{n}")).unwrap_or_default())]
pub struct TextError {
    /// The file.
    pub file: PathBuf,
    /// The line, where one is known.
    pub line: Option<usize>,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Default for Texts {
    /// Only what is compiled in.
    fn default() -> Texts {
        Texts { own: registry(), compiled_in: registry(), reported: Mutex::default() }
    }
}

impl Texts {
    /// The compiled-in templates with those replaced that `folder` has files for; a folder that is not there replaces none.
    ///
    /// # Errors
    /// Every file that cannot be read, is no template, asks for a value that does not exist, or has a name nobody asks for.
    pub fn load(folder: &Path) -> Result<Texts, Vec<TextError>> {
        let mut texts = Texts::default();
        let mut errors = Vec::new();
        for file in files(folder).map_err(|e| vec![e])? {
            errors.extend(texts.replace(&file).err());
        }
        if errors.is_empty() { Ok(texts) } else { Err(errors) }
    }

    fn replace(&mut self, file: &Path) -> Result<(), TextError> {
        let fault = |line, message: String| TextError { file: file.to_path_buf(), line, message };
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let Some((name, _)) = DEFAULTS.iter().find(|(name, _)| *name == stem) else {
            let known = DEFAULTS.map(|(name, _)| format!("{name}.hbs")).join(", ");
            return Err(fault(None, format!("is no template of the hub: name it one of {known}")));
        };
        let size = std::fs::metadata(file).map_err(|e| fault(None, format!("cannot be read: {e}")))?.len();
        if size > FILE_MAX_BYTES {
            return Err(fault(None, format!("has {size} bytes: at most {FILE_MAX_BYTES} are allowed")));
        }
        let text = std::fs::read_to_string(file).map_err(|e| fault(None, format!("cannot be read: {e}")))?;
        let parsed = Template::compile_with_name(text.trim_end(), (*name).to_owned());
        let parsed = parsed.map_err(|e| fault(e.pos().map(|(line, _)| line), format!("is no template: {}", e.reason())))?;
        if let Some(line) = endless(&parsed) {
            return Err(fault(Some(line), "may use only {{#if}} and {{#unless}}: a template cannot include or repeat".into()));
        }
        self.own.register_template(name, parsed);
        let tried = self.own.render(name, &sample());
        tried
            .map_err(|e| fault(e.line_no, format!("cannot be rendered: {}; known values are {}", e.reason(), known_values())))?;
        Ok(())
    }

    /// The sentence of an incident that is told for the first time, or as it is now.
    pub fn opened(&self, incident: &Incident) -> String {
        let name = match (incident.alert_type, incident.facts.cause) {
            (AlertType::LogFinding, _) | (_, Cause::LogFinding) => "log_finding",
            (AlertType::Internet, _) => "internet",
            (_, Cause::NotMonitored) => "not_monitored",
            (AlertType::SystemError, _) | (_, Cause::Hub) => "system_error",
            (_, Cause::Missed) => "host_down",
            (_, Cause::RunTooLong) => "job_overdue",
            (_, Cause::Failed(_)) => "job_failed",
        };
        self.render(name, incident)
    }

    /// The sentence of an incident that is over.
    pub fn recovered(&self, incident: &Incident) -> String {
        self.render("recovered", incident)
    }

    fn render(&self, name: &'static str, incident: &Incident) -> String {
        let values = values(incident);
        self.own.render(name, &values).unwrap_or_else(|e| {
            self.report(name, &e);
            self.compiled_in.render(name, &values).unwrap_or_default()
        })
    }

    fn report(&self, name: &'static str, error: &RenderError) {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.insert(name) {
            log::error!(
                "template {name}.hbs cannot be rendered, the compiled-in text is used from now on where it fails: {error}"
            );
        }
    }
}

/// The line of whatever could make a template run for ever or fill the memory: an inclusion, which may go in circles, or a loop,
/// which may stand in others.
fn endless(template: &Template) -> Option<usize> {
    // The place of what follows an `else if` is not kept.
    let line = |at: usize| template.mapping.get(at).map_or(1, |place| place.0);
    template.elements.iter().enumerate().find_map(|(at, element)| match element {
        TemplateElement::RawString(_) | TemplateElement::Comment(_) => None,
        TemplateElement::Expression(helper) | TemplateElement::HtmlExpression(helper) => inside(helper),
        TemplateElement::HelperBlock(helper) => {
            let is_choice = matches!(helper.name.as_name(), Some("if" | "unless"));
            if is_choice { inside(helper) } else { Some(line(at)) }
        }
        _ => Some(line(at)),
    })
}

fn inside(helper: &HelperTemplate) -> Option<usize> {
    [&helper.template, &helper.inverse].into_iter().flatten().find_map(endless)
}

fn registry() -> Handlebars<'static> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    // Values are made harmless one by one; HTML escapes would be shown as they are.
    registry.register_escape_fn(no_escape);
    for (name, text) in DEFAULTS {
        registry.register_template_string(name, text).expect("a compiled-in template parses; a test renders each");
    }
    registry
}

/// The templates in `folder`, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>, TextError> {
    let fault = |e: std::io::Error| TextError { file: folder.to_path_buf(), line: None, message: format!("cannot be read: {e}") };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(fault(e)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(fault)?.path();
        if path.extension().is_some_and(|ending| ending == "hbs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// What a template may ask for: every value is there, harmless, and empty when unknown.
fn values(incident: &Incident) -> Value {
    let facts = &incident.facts;
    let harmless = |text: &str| plain(text, VALUE_MAX_UNITS);
    let exit_code = match facts.cause {
        Cause::Failed(Some(code)) => code.to_string(),
        _ => String::new(),
    };
    json!({
        "host": incident.host_name.as_deref().map(harmless).unwrap_or_default(),
        "host_id": incident.host_id.as_deref().map(harmless).unwrap_or_default(),
        "severity": incident.severity.as_str(),
        "why": harmless(&facts.why),
        "last_seen": facts.last_seen_at.map_or("never".to_owned(), stamp),
        "expected_every": words(facts.expected_every_s.into()),
        "grace": words(facts.grace_s.into()),
        "detected": stamp(incident.detected_at()),
        "exit_code": exit_code,
        "outage": incident.outage().unwrap_or_default(),
        "reason": incident.resolution.as_deref().map(harmless).unwrap_or_default(),
    })
}

fn known_values() -> String {
    let sample = sample();
    sample.as_object().map(|all| all.keys().cloned().collect::<Vec<_>>().join(", ")).unwrap_or_default()
}

fn sample() -> Value {
    values(&super::examples::incident())
}

#[cfg(test)]
mod tests {
    use super::super::examples::incident;
    use super::*;
    use domain::time::Wall;
    use store::TempFolder;

    fn folder(files: &[(&str, &str)]) -> TempFolder {
        let folder = TempFolder::new().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn each_cause_has_the_sentence_the_incident_itself_would_say() {
        for cause in [Cause::Missed, Cause::RunTooLong, Cause::Failed(None), Cause::Failed(Some(3)), Cause::NotMonitored] {
            let mut incident = incident();
            incident.facts.cause = cause;
            assert_eq!(Texts::default().opened(&incident), incident.facts.headline());
        }
        let over = Incident { resolved_at: Some(Wall(incident().detected_at().0 + 840_000)), ..incident() };
        assert_eq!(Texts::default().recovered(&over), "Host 'web-01' is fine again after 14 minutes");
    }

    #[test]
    fn a_file_replaces_the_sentence_and_a_missing_folder_replaces_none() {
        let folder = folder(&[("host_down.hbs", "**{{host}}** is silent since {{last_seen}}\n"), ("notes.txt", "{{")]);
        let texts = Texts::load(folder.path()).unwrap();
        assert_eq!(texts.opened(&incident()), "**web-01** is silent since 2026-11-23 08:00:00");
        let none = Texts::load(&folder.path().join("none")).unwrap();
        assert_eq!(none.opened(&incident()), "Host 'web-01' missed heartbeat");
    }

    #[test]
    fn a_hosts_name_is_text_in_every_template() {
        let mut incident = incident();
        incident.host_name = Some("{{why}} **@everyone** <b>&".into());
        assert_eq!(Texts::default().opened(&incident), "Host '{{why}} \\*\\*＠everyone\\*\\* \\<b>&' missed heartbeat");
    }

    #[test]
    fn every_wrong_file_is_told_with_its_line() {
        let folder = folder(&[
            ("host_down.hbs", "a\nb {{#if host}}\n"),
            ("job_failed.hbs", "a\n{{hots}}"),
            ("hostdown.hbs", "x"),
            ("internet.hbs", &"x".repeat(20_000)),
        ]);
        let errors = Texts::load(folder.path()).err().unwrap();
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(errors.len(), 4, "{told:?}");
        assert!(told[0].contains("host_down.hbs:") && told[0].contains("is no template"), "{}", told[0]);
        assert!(told[1].contains("hostdown.hbs: is no template of the hub: name it one of host_down.hbs"), "{}", told[1]);
        assert!(told[2].contains("internet.hbs: has 20000 bytes"), "{}", told[2]);
        assert!(told[3].contains("job_failed.hbs:2: ") && told[3].contains("hots"), "{}", told[3]);
    }

    #[test]
    fn a_template_that_could_go_on_for_ever_is_refused() {
        for text in [
            "{{> recovered}}",
            "a\n{{#if host}}{{> host_down}}{{/if}}",
            "{{#each this}}{{#each ../this}}x{{/each}}{{/each}}",
            "{{#with this}}{{host}}{{/with}}",
            "{{#if host}}{{else}}{{#each this}}{{/each}}{{/if}}",
            "{{#if why}}a{{else if host}}{{> recovered}}{{/if}}",
            "{{#*inline \"x\"}}{{> x}}{{/inline}}",
            "{{#> recovered}}x{{/recovered}}",
        ] {
            let folder = folder(&[("host_down.hbs", text)]);
            let errors = Texts::load(folder.path()).err().unwrap_or_else(|| panic!("{text} is taken"));
            assert!(errors[0].line.is_some() && errors[0].message.contains("cannot include or repeat"), "{text}: {errors:?}");
        }
        let folder =
            folder(&[("host_down.hbs", "{{#if exit_code}}{{#unless why}}a{{/unless}}{{else}}{{host}}{{/if}}{{! note }}")]);
        assert_eq!(Texts::load(folder.path()).unwrap().opened(&incident()), "web-01");
    }

    #[test]
    fn a_template_that_fails_later_falls_back() {
        let mut texts = Texts::default();
        texts.own.register_template_string("host_down", "{{nothing.at.all}}").unwrap();
        assert_eq!(texts.opened(&incident()), "Host 'web-01' missed heartbeat");
        assert_eq!(texts.reported.lock().unwrap().len(), 1);
    }
}
