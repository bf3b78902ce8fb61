//! What a new user sees first.

use std::fmt::Write;

use crate::{
    app::{ADMIN_TOKEN, App, Bound},
    base::clock::rfc3339,
};

/// Where everything is and what to do next.
pub fn text(app: &App, bound: &Bound) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ok = compose(&mut out, app, bound);
    out
}

fn compose(out: &mut String, app: &App, bound: &Bound) -> std::fmt::Result {
    let main = bound.main;
    let token_file = app.data().join(ADMIN_TOKEN);
    writeln!(
        out,
        "\nSyndarix {} is ready ({}).\n",
        env!("CARGO_PKG_VERSION"),
        rfc3339(app.registry().now())
    )?;
    writeln!(
        out,
        "  REST            http://{main}/api/v1   (OpenAPI: /openapi.json)"
    )?;
    for server in app.registry().servers() {
        let tools = app.registry().tools(server).count();
        let base = match bound.servers.get(&server) {
            Some(own) => format!("http://{own}"),
            None => format!("http://{main}/{server}"),
        };
        writeln!(
            out,
            "  {:14}  {base}/mcp   {base}/sse   {tools:2} tools",
            server.as_str()
        )?;
    }
    writeln!(
        out,
        "\n  All of them at once: http://{main}/mcp and /sse; each also under http://{main}/<server>/mcp and /sse."
    )?;
    if let Some(token) = &app.first_token {
        writeln!(
            out,
            "\n  Admin token, shown this once (kept in {}):",
            token_file.display()
        )?;
        writeln!(out, "    {}", token.reveal())?;
    } else {
        writeln!(out, "\n  Admin token: in {}", token_file.display())?;
    }
    writeln!(out, "\n  Next:")?;
    writeln!(out, "    export SYX_TOKEN=$(cat {})", token_file.display())?;
    writeln!(
        out,
        "    syndarix client-config claude     # or claude-desktop, cursor, vscode, codex, gemini"
    )?;
    writeln!(
        out,
        "    syndarix call issues create_issue title='My first issue'"
    )
}
