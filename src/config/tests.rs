use super::*;

fn refused(text: &str) -> String {
    Settings::parse(text, "config.toml", false)
        .unwrap_err()
        .to_string()
}

#[test]
fn every_setting_that_the_template_shows_is_one() {
    let is_key = |key: &str| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let is_setting = |line: &str| {
        ["[servers.", "[[servers.", "[auth.", "[[auth.", "[[limits."]
            .iter()
            .any(|section| line.starts_with(section))
            || line.split_once(" = ").is_some_and(|(key, _)| is_key(key))
    };
    let shown: Vec<&str> = TEMPLATE
        .lines()
        .map(|line| {
            line.strip_prefix("# ")
                .filter(|l| is_setting(l))
                .unwrap_or(line)
        })
        .collect();
    let said = Settings::parse(&shown.join("\n"), "config.toml", false).unwrap();
    let default = Settings::parse("", "config.toml", false).unwrap();
    let text = |settings: &Settings| {
        let Settings {
            mcp,
            mut limits,
            audit,
            observe,
            database,
            servers,
            ..
        } = settings.clone();
        limits.rules.clear();
        let same = (
            servers.issues,
            servers.file_system,
            servers.knowledge_base,
            servers.git,
        );
        format!("{mcp:?} {limits:?} {audit:?} {observe:?} {database:?} {same:?}")
    };
    assert_eq!(text(&said), text(&default));
    assert_eq!(said.http.max_body_bytes, default.http.max_body_bytes);
    assert_eq!(
        said.http.max_concurrent_requests,
        default.http.max_concurrent_requests
    );
    assert_eq!(said.listen(ServerId::Git), default.listen(ServerId::Git));
    assert_eq!(said.auth.oauth, default.auth.oauth);
    let issuer = &said.auth.issuers["corp"];
    assert_eq!((issuer.grants.len(), issuer.types.len()), (1, 1));
    let (gateway, plain) = (said.servers.llm_gateway, default.servers.llm_gateway);
    assert_eq!((gateway.cache, gateway.log), (plain.cache, plain.log));
    assert_eq!(gateway.routes["coder"].targets.len(), 2);
    let counts = [
        gateway.providers.len(),
        gateway.models.len(),
        gateway.limits.len(),
        gateway.budgets.len(),
    ];
    assert_eq!(counts, [1; 4]);
    assert_eq!(
        said.servers.cicd.max_queued_runs,
        default.servers.cicd.max_queued_runs
    );
}

#[test]
fn the_template_shows_every_setting_of_the_llm_gateway() {
    let schema = schemars::schema_for!(crate::servers::llm_gateway::Config).to_value();
    let mut names = Vec::new();
    let kinds = schema["$defs"].as_object().unwrap().values();
    for kind in kinds.chain([&schema]) {
        let fields = kind.get("properties").and_then(|p| p.as_object());
        names.extend(fields.into_iter().flat_map(|fields| fields.keys().cloned()));
    }
    assert!(names.len() > 50, "{names:?}");
    let words: std::collections::HashSet<&str> = TEMPLATE
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .collect();
    names.retain(|name| !words.contains(name.as_str()));
    assert!(names.is_empty(), "not in config.toml: {names:?}");
}

#[test]
fn a_typo_is_refused_with_its_line_and_the_nearest_key() {
    let error = refused("[http]\nlisten = \"127.0.0.1:9000\"\nmax_body_byts = 3\n");
    assert!(
        error.contains("config.toml:3:1") && error.contains("max_body_bytes"),
        "{error}"
    );
    let error = refused("[htp]\nlisten = \"x\"\n");
    assert!(
        error.contains("config.toml:1") && error.contains("\"http\""),
        "{error}"
    );
    let error = refused("\n[servers.isues]\nenabled = false\n");
    assert!(
        error.contains("config.toml:2") && error.contains("\"issues\""),
        "{error}"
    );
    let error = refused("[servers.issues]\n\nenabeld = false\n");
    assert!(
        error.contains("config.toml:3:1") && error.contains("\"enabled\""),
        "{error}"
    );
}

#[test]
fn a_wrong_type_is_refused_with_its_line() {
    let error = refused("[http]\n\nmax_body_bytes = \"big\"\n");
    assert!(
        error.contains("config.toml:3") && error.contains("max_body_bytes"),
        "{error}"
    );
    let error = refused("[http\n");
    assert!(error.contains("line 1"), "{error}");
    let error = refused("[http]\nlisten = \"nowhere\"\n");
    assert!(error.contains("config.toml:2:1: http.listen"), "{error}");
    let error = refused("[observe]\nlog = \"syndarix=loud\"\n");
    assert!(error.contains("config.toml:2:1: observe.log"), "{error}");
}

#[test]
fn a_disabled_tool_that_is_none_is_refused_with_its_line_and_the_nearest() {
    let text =
        "[servers.git]\ndisabled_tools = [\n  \"git_log\",\n  \"git_psuh\",\n  \"git_comit\",\n]\n";
    let error = refused(&text.replace("git_psuh", "git_status"));
    assert!(
        error.contains("config.toml:5:3") && error.contains("did you mean \"git_commit\""),
        "{error}"
    );
    let error = refused("[servers.git]\ndisabled_tools = [\"create_issue\"]\n");
    assert!(
        error.contains("config.toml:2") && error.contains("no tool of git"),
        "{error}"
    );
    let error = refused("[servers.git]\ndisabled_tool = []\n");
    assert!(error.contains("\"disabled_tools\""), "{error}");
}

#[test]
fn a_server_has_its_default_port_beside_the_main_one() {
    let text = "[http]\nlisten = \"0.0.0.0:80\"\n[servers.git]\nenabled = false\n[servers.cicd]\nlisten = \"off\"\n";
    let settings = Settings::parse(text, "config.toml", false).unwrap();
    assert_eq!(
        settings.listen(ServerId::Issues).as_deref(),
        Some("0.0.0.0:9004")
    );
    assert_eq!(settings.listen(ServerId::Git), None);
    assert_eq!(settings.listen(ServerId::Cicd), None);
}
