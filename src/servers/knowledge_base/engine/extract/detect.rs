//! What a document is: by what it is called, what its sender says of it, and what is in it.

use std::path::Path;

use super::program::language_in;
use crate::servers::knowledge_base::model::Format;

/// Bytes that are looked at.
const HEAD: usize = 4096;

/// The endings of source code, with the name of the language.
const LANGUAGES: [(&str, &[&str]); 29] = [
    ("rust", &["rs"]),
    ("python", &["py", "pyi", "pyw"]),
    ("typescript", &["ts", "mts", "cts"]),
    ("tsx", &["tsx"]),
    ("javascript", &["js", "mjs", "cjs", "jsx"]),
    ("go", &["go"]),
    ("java", &["java"]),
    ("c", &["c", "h"]),
    ("cpp", &["cpp", "cc", "cxx", "hpp", "hh", "hxx"]),
    ("csharp", &["cs"]),
    ("kotlin", &["kt", "kts"]),
    ("scala", &["scala", "sc"]),
    ("swift", &["swift"]),
    ("ruby", &["rb"]),
    ("php", &["php"]),
    ("perl", &["pl", "pm"]),
    ("lua", &["lua"]),
    ("haskell", &["hs"]),
    ("elixir", &["ex", "exs"]),
    ("erlang", &["erl", "hrl"]),
    ("clojure", &["clj", "cljs", "cljc"]),
    ("ocaml", &["ml", "mli"]),
    ("r", &["r"]),
    ("julia", &["jl"]),
    ("dart", &["dart"]),
    ("zig", &["zig"]),
    ("sql", &["sql"]),
    ("shell", &["sh", "bash", "zsh", "fish"]),
    ("powershell", &["ps1", "psm1"]),
];

/// What may stand after `#!`.
const INTERPRETERS: [(&str, &str); 8] = [
    ("python", "python"),
    ("node", "javascript"),
    ("deno", "typescript"),
    ("bash", "shell"),
    ("zsh", "shell"),
    ("sh", "shell"),
    ("ruby", "ruby"),
    ("perl", "perl"),
];

/// The programming language of a text called `name`, e.g. `rust`.
pub fn language_of(name: Option<&str>, text: &str) -> Option<&'static str> {
    by_ending(name)
        .or_else(|| by_shebang(text))
        .or_else(|| language_in(text))
}

fn by_ending(name: Option<&str>) -> Option<&'static str> {
    let ending = ending(name?)?;
    LANGUAGES
        .iter()
        .find(|(_, endings)| endings.contains(&ending.as_str()))
        .map(|(language, _)| *language)
}

fn by_shebang(text: &str) -> Option<&'static str> {
    let line = text.strip_prefix("#!")?.lines().next()?;
    let program = line
        .split_whitespace()
        .map(|word| word.rsplit('/').next().unwrap_or(word))
        .find(|word| *word != "env" && !word.starts_with('-'))?;
    INTERPRETERS
        .iter()
        .find(|(start, _)| program.starts_with(start))
        .map(|(_, language)| *language)
}

/// The ending of a path or URL in lower case.
fn ending(name: &str) -> Option<String> {
    let path = name.split(['?', '#']).next().unwrap_or(name);
    let ending = Path::new(path).extension()?.to_str()?;
    Some(ending.to_lowercase())
}

/// The format of `bytes`, called `name` (a path or URL), of which the sender said that it is `content_type`: as far as that
/// or their beginning tells.
pub fn format_told(name: Option<&str>, content_type: Option<&str>, bytes: &[u8]) -> Option<Format> {
    let head = bytes.get(..HEAD.min(bytes.len())).unwrap_or_default();
    if head.windows(5).take(1024).any(|at| at == b"%PDF-") {
        return Some(Format::Pdf);
    }
    if head.starts_with(b"PK\x03\x04") {
        // Not every archive is a document; the reader says so where it is not.
        return Some(Format::Docx);
    }
    let told = content_type.and_then(of_content_type);
    // A server says text/plain of anything.
    let vague = content_type.is_none_or(|of| of.contains("plain"));
    told.filter(|told| *told != Format::Text)
        .or_else(|| name.and_then(of_name))
        .or_else(|| told.filter(|_| !vague))
        .or_else(|| by_first_words(head))
}

fn of_content_type(text: &str) -> Option<Format> {
    let kind = text.split(';').next().unwrap_or_default().trim();
    Some(match kind.to_ascii_lowercase().as_str() {
        "text/html" | "application/xhtml+xml" => Format::Html,
        "application/pdf" => Format::Pdf,
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => Format::Docx,
        "text/markdown" | "text/x-markdown" => Format::Markdown,
        "text/plain" | "text/csv" | "application/json" | "application/xml" | "text/xml" => {
            Format::Text
        }
        _ => return None,
    })
}

fn of_name(name: &str) -> Option<Format> {
    Some(match ending(name)?.as_str() {
        "md" | "markdown" | "mdx" | "mkd" => Format::Markdown,
        "html" | "htm" | "xhtml" => Format::Html,
        "pdf" => Format::Pdf,
        "docx" => Format::Docx,
        "txt" | "log" | "rst" | "adoc" | "org" | "tex" | "toml" | "yaml" | "yml" | "json"
        | "jsonl" | "xml" | "csv" | "tsv" | "ini" | "cfg" | "conf" | "diff" | "patch" => {
            Format::Text
        }
        _ => return by_ending(Some(name)).map(|_| Format::Code),
    })
}

fn by_first_words(head: &[u8]) -> Option<Format> {
    let text = String::from_utf8_lossy(head);
    let start = start(&text);
    let opens = |tag: &str| {
        start
            .get(..tag.len())
            .is_some_and(|first| first.eq_ignore_ascii_case(tag))
    };
    if opens("<!doctype html") || opens("<html") {
        return Some(Format::Html);
    }
    by_shebang(start).map(|_| Format::Code)
}

/// The format of a text of which nothing else tells it.
pub fn format_by_words(text: &str) -> Format {
    // Before Markdown: in many languages `# ` begins a comment.
    if language_in(text).is_some() {
        return Format::Code;
    }
    let marked = start(text).lines().take(400).any(|line| {
        let hashes = line.len() - line.trim_start_matches('#').len();
        (1..=6).contains(&hashes) && line.get(hashes..).is_some_and(|rest| rest.starts_with(' '))
            || line.starts_with("```")
    });
    if marked {
        Format::Markdown
    } else {
        Format::Text
    }
}

fn start(text: &str) -> &str {
    text.trim_start_matches('\u{feff}').trim_start()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_told_by_name_sender_and_content() {
        for (name, sender, content, format) in [
            (Some("docs/a.MD?x=1"), None, "x", Format::Markdown),
            (Some("src/a.rs"), None, "# no\n", Format::Code),
            (Some("a.json"), None, "# no\n", Format::Text),
            (None, None, "intro\n## Title\n", Format::Markdown),
            (Some("note"), None, "#hashtag only", Format::Text),
            (Some("x"), Some("text/html; charset=x"), "hi", Format::Html),
            (Some("x.md"), Some("text/plain"), "hi", Format::Markdown),
            (Some("x"), Some("text/plain"), "# Hi\n", Format::Markdown),
            (Some("x"), Some("text/plain"), "%PDF-1.7\n", Format::Pdf),
            (Some("v1.2"), None, " <!DOCTYPE HTML>", Format::Html),
            (
                Some("run"),
                None,
                "#!/usr/bin/env -S python3\n",
                Format::Code,
            ),
            (Some("a"), Some("text/plain"), "PK\u{3}\u{4}", Format::Docx),
            (Some("a.b/c"), None, "plain", Format::Text),
            (
                None,
                None,
                "# Adds\ndef f(a):\n    return a\n",
                Format::Code,
            ),
            (Some("x"), Some("text/plain"), "fn f() {}\n", Format::Code),
            (Some("x"), Some("text/csv"), "fn f() {}\n", Format::Text),
        ] {
            let found = format_told(name, sender, content.as_bytes());
            let found = found.unwrap_or_else(|| format_by_words(content));
            assert_eq!(found, format, "{name:?} {sender:?} {content:?}");
        }
    }

    #[test]
    fn a_language_is_told_by_the_ending_or_the_first_line() {
        assert_eq!(language_of(Some("a/b.TSX"), ""), Some("tsx"));
        assert_eq!(language_of(Some("https://x/y.go?raw=1"), ""), Some("go"));
        assert_eq!(
            language_of(Some("bin/x"), "#!/bin/bash -e\n"),
            Some("shell")
        );
        assert_eq!(language_of(None, "#!/usr/bin/env python3"), Some("python"));
        assert_eq!(language_of(Some("README"), "#! what"), None);
    }
}
