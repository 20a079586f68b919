//! The configuration as a whole: what goes before what, and what is said about what is wrong.

use super::*;

fn load(variables: &[(&str, &str)], settings: &str) -> Result<Config, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("settings.yaml"), settings).unwrap();
    let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let here = folder.path().display().to_string() + "/";
    Config::load(&environment, folder.path())
        .map_err(|errors| errors.0.iter().map(|e| e.to_string().replace(&here, "")).collect())
}

const HOOK: &str = "https://discord.com/api/webhooks/1/first";
const HOOK_2: &str = "https://discord.com/api/webhooks/2/second";

#[test]
fn without_any_configuration_everything_has_its_default() {
    let config = Config::load(&Environment::default(), Path::new("/nonexistent")).unwrap();
    assert_eq!((config.api_host.to_string(), config.api_port), ("0.0.0.0".into(), 8080));
    assert_eq!(config.database, Path::new("data/db.sqlite"));
    assert_eq!(config.business_hours, BusinessHours::default());
    assert_eq!(AllowedHosts::parse(&config.webhook_allowed_hosts), Ok(AllowedHosts::default()));
    assert_eq!(config.log_filter, LogFilter::Level("info".into()));
    assert_eq!(config.llm.model, "claude-sonnet-4.5");
    assert!(config.warnings.is_empty() && config.origins.is_empty());
}

#[test]
fn the_environment_goes_before_the_file_and_the_file_before_the_default() {
    let settings = "api_port: 9000\napi_host: 127.0.0.1\nbusiness_hours_days: [6, 7]\n";
    let config = load(&[("API_PORT", "7000"), ("BUSINESS_HOURS_TIMEZONE", "Europe/Berlin")], settings).unwrap();
    assert_eq!((config.api_port, config.api_host.to_string()), (7000, "127.0.0.1".into()));
    assert_eq!(config.business_hours.days(), [6, 7]);
    assert_eq!(config.business_hours.timezone().name(), "Europe/Berlin");
    assert_eq!(config.business_hours.start(), "08:00");
    let names: Vec<&str> = config.origins.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["API_HOST", "API_PORT", "BUSINESS_HOURS_DAYS", "BUSINESS_HOURS_TIMEZONE"]);
}

#[test]
fn everything_wrong_is_told_at_once_with_place_key_and_fix() {
    let settings = "api_prot: 9000\napi_host: 127.0.0.1\napi_port: \"9000\"\nAPI_KEY: x\nlimits:\n  connections: 1\nbusiness_hours_end: 18:61\napi_key: 123\n";
    let errors =
        load(&[("DATABASE_URL", "postgres://x"), ("LOG_LEVEL", "loud"), ("BUSINESS_HOURS_TIMEZONE", "Berlin")], settings)
            .unwrap_err();
    let expected = [
        "settings.yaml:1: api_prot: is not known: did you mean api_port?",
        "settings.yaml:3: api_port: must be a whole number: write it without quotes",
        "settings.yaml:4: API_KEY: is not known: in this file it is written api_key",
        "settings.yaml:8: api_key: must be text: put it in quotes",
        "settings.yaml:6: limits.connections: must be a whole number from 10 to 1000000",
        "environment: DATABASE_URL: must be a SQLite file, for example",
        "settings.yaml:7: business_hours_end: must be",
        "environment: BUSINESS_HOURS_TIMEZONE: must be an IANA time zone, did you mean Europe/Berlin?",
        "environment: LOG_LEVEL: must be ERROR, WARN, INFO, DEBUG, TRACE or OFF",
    ];
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
    for (error, expected) in errors.iter().zip(expected) {
        assert!(error.starts_with(expected), "{error}\nis not\n{expected}");
    }
}

#[test]
fn secrets_never_appear_in_errors_or_debug() {
    let settings = "api_secret_key: hunter2\ndiscord_webhook_url: https://evil.example/hunter2\n";
    let errors = load(&[("API_KEY", "hunter2"), ("HEALTHCHECKS_URL", "hunter2")], settings).unwrap_err();
    assert_eq!(errors.len(), 4, "{errors:#?}");
    assert!(!errors.concat().contains("hunter2"));
    let good = load(
        &[("API_KEY", "hunter2-hunter2-hunter2"), ("DISCORD_WEBHOOK_URL", HOOK), ("API_SECRET_KEY", "hunter2-hunter2-hunter2")],
        "",
    )
    .unwrap();
    let shown = format!("{good:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("first"), "{shown}");
}

#[test]
fn several_webhooks_are_one_text_or_one_list_and_each_layer_keeps_its_own() {
    let text = format!("{HOOK}, {HOOK_2}");
    let config = load(&[("DISCORD_WEBHOOK_URL", &text)], &format!("discord_webhook_url:\n  - {HOOK_2}\n")).unwrap();
    let names =
        |webhooks: &[NamedUrl]| webhooks.iter().map(|hook| (hook.name.clone(), hook.url.expose().to_owned())).collect::<Vec<_>>();
    assert_eq!(names(&config.webhooks_from_env), [("primary".into(), HOOK.into()), ("webhook 2".into(), HOOK_2.into())]);
    assert_eq!(names(&config.webhooks_from_file), [("primary".into(), HOOK_2.into())]);
    let twice = load(&[("DISCORD_WEBHOOK_URL", &format!("{HOOK} {HOOK}"))], "").unwrap_err();
    assert_eq!(twice, ["environment: DISCORD_WEBHOOK_URL: holds the same webhook twice: keep one of them"]);
}

#[test]
fn webhooks_go_only_to_allowed_hosts() {
    let local = "http://127.0.0.1:9000/api/webhooks/1/x";
    assert!(load(&[("DISCORD_WEBHOOK_URL", local)], "").unwrap_err()[0].contains("http://127.0.0.1:9000 is not allowed"));
    assert!(load(&[("DISCORD_WEBHOOK_URL", local), ("WEBHOOK_ALLOWED_HOSTS", "http://127.0.0.1:9000")], "").is_ok());
    for near in ["http://discord.com/api/webhooks/1/x", "https://discord.com.evil.example/x", "https://discord.com:444/x"] {
        assert!(load(&[("DISCORD_WEBHOOK_URL", near)], "").is_err(), "{near}");
    }
}

#[test]
fn a_models_endpoint_is_a_secret_and_its_style_is_known_by_name() {
    let url = "https://llm.example/v1/chat?key=sesame";
    let config = load(&[("LLM_API_URL", url), ("LLM_API_STYLE", "anthropic-messages")], "llm_default_model: m\n").unwrap();
    assert_eq!((config.llm.style, config.llm.model.as_str()), (Some(ApiStyle::AnthropicMessages), "m"));
    assert!(config.warnings.is_empty() && !format!("{config:?}").contains("sesame"));
    assert!(load(&[("LLM_API_STYLE", "telepathy")], "").is_err());
}

#[test]
fn rust_log_goes_before_log_level_and_a_slip_is_a_warning() {
    let config = load(&[("RUST_LOG", "actors=debug"), ("LOG_LEVEL", "ERROR"), ("DISCORD_WEBHOOK_ULR", HOOK)], "").unwrap();
    assert_eq!(config.log_filter, LogFilter::Directives("actors=debug".into()));
    assert_eq!(config.warnings, ["environment: DISCORD_WEBHOOK_ULR is not known here, did you mean DISCORD_WEBHOOK_URL?"]);
}

#[test]
fn the_samples_are_valid_and_name_every_setting_and_limit() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let settings = std::fs::read_to_string(samples.join("settings.yaml.example")).unwrap();
    assert!(load(&[], &settings).is_ok(), "{:?}", load(&[], &settings));
    // Every line that is commented out must be valid too: people take the # away.
    let opened = uncommented(&settings);
    assert!(load(&[], &opened).is_ok(), "{:?}\n{opened}", load(&[], &opened));
    for setting in layers::names().into_iter().filter(|name| *name != "RUST_LOG") {
        assert!(opened.contains(&format!("\n{}:", setting.to_lowercase())), "{setting} is not in settings.yaml.example");
    }
    for limit in limits::names() {
        assert!(opened.contains(&format!("\n  {limit}:")), "{limit} is not in settings.yaml.example");
    }
}

#[test]
fn the_sample_of_hosts_is_valid_with_and_without_its_comments() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/hosts.yaml.example");
    let text = std::fs::read_to_string(&path).unwrap();
    let environment: Environment =
        [("BACKUP_TOKEN".to_owned(), "0123456789abcdef0123456789abcdef".to_owned())].into_iter().collect();
    let hosts = |text: &str| HostsFile::parse(text, &path, &environment, &BusinessHours::default()).map(|hosts| hosts.len());
    assert_eq!(hosts(&text), Ok(0));
    assert_eq!(hosts(&uncommented(&text)), Ok(5));
}

#[test]
fn the_sample_of_the_environment_is_valid_and_names_every_variable() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".env.example");
    let opened = uncommented(&std::fs::read_to_string(path).unwrap());
    let pairs: Vec<(&str, &str)> =
        opened.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('=')).collect();
    for name in layers::names() {
        assert!(pairs.iter().any(|(known, _)| *known == name), "{name} is not in .env.example");
    }
    let config = load(&pairs, "").unwrap();
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

/// Words follow a `#` after one space; what follows it directly, or after more, is a setting that is switched off.
fn uncommented(text: &str) -> String {
    let open = |line: &str| {
        let bare = line.trim_start();
        match bare.strip_prefix('#') {
            Some(rest) if !rest.is_empty() && (rest.starts_with("  ") || !rest.starts_with(' ')) => rest.to_owned(),
            _ => line.to_owned(),
        }
    };
    text.lines().map(open).collect::<Vec<_>>().join("\n") + "\n"
}
