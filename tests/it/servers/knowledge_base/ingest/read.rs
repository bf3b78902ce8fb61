//! What is read in documents, and how they are cut: one snapshot a document.

use std::fmt::Write;

use syndarix::servers::knowledge_base::{
    engine::{
        chunk::{self, Form, Grammar, Limits},
        extract::{
            self,
            workers::{Program, Workers},
        },
    },
    model::Format,
};

use super::fixture;

/// Small, so that small documents show how they are cut.
const TARGET: u32 = 40;
const MAX: u32 = 60;

#[tokio::test]
async fn documents() {
    let program = Program {
        path: env!("CARGO_BIN_EXE_syndarix").into(),
        ..Program::default()
    };
    let workers = Workers::new(program, 1);
    for name in [
        "guide.md",
        "page.html",
        "report.pdf",
        "memo.docx",
        "store.rs",
        "store.py",
        "store.ts",
        "store.go",
        "Store.java",
        "latin1.txt",
        "utf16.txt",
        "shift_jis.txt",
        "gbk.txt",
        "broken.txt",
        "crlf.md",
    ] {
        let bytes = fixture(name);
        let format = extract::format_told(Some(name), None, &bytes).unwrap();
        let (title, text) = if extract::is_packed(format) {
            let read = workers
                .extract(format, &bytes, None, 1 << 20)
                .await
                .unwrap();
            (read.title, read.text)
        } else {
            (None, extract::decode(&bytes, None).unwrap())
        };
        insta::assert_snapshot!(name.replace('.', "_"), shown(name, format, title, &text));
    }
}

fn shown(name: &str, format: Format, title: Option<String>, text: &str) -> String {
    let language = extract::language_of(Some(name), text).filter(|_| format == Format::Code);
    let form = language
        .and_then(Grammar::of)
        .map_or(format.form(), Form::Code);
    let limits = Limits {
        target: TARGET,
        max: MAX,
        ..Limits::default()
    };
    let title = title
        .or_else(|| chunk::title_of(text, form))
        .unwrap_or_default();
    let mut out = format!(
        "{} {} {title:?}\n",
        format.as_str(),
        language.unwrap_or("-")
    );
    for chunk in chunk::chunk(text, form, limits) {
        let path = chunk.heading_path.join(" > ");
        let symbol = chunk.symbol.as_deref().unwrap_or("-");
        let (first, last) = (chunk.first_line, chunk.last_line);
        writeln!(
            out,
            "==== {first}-{last} [{path}] {symbol} {} tokens",
            chunk.tokens
        )
        .unwrap();
        out.push_str(&chunk.text(text).replace('\r', "␍"));
        out.push('\n');
    }
    out
}
