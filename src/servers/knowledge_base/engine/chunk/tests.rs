use super::*;
use proptest::prelude::*;

const SMALL: Limits = Limits {
    target: 60,
    max: 100,
};

fn texts(text: &str, form: Form, limits: Limits) -> Vec<String> {
    let chunks = chunk(text, form, limits);
    chunks.iter().map(|c| c.text(text).to_owned()).collect()
}

#[test]
fn sections_follow_headings_and_know_their_path() {
    let text = "# Guide\n\n## Install\n\nRun it.\n\n## Use\n\nCall it.\n\n### Deep\n\nMore.\n\n# End\n\nBye.\n";
    let chunks = chunk(text, Form::Markdown, Limits::default());
    let seen: Vec<(String, &str)> = chunks
        .iter()
        .map(|c| (c.heading_path.join("/"), c.text(text)))
        .collect();
    assert_eq!(
        seen,
        [
            ("Guide/Install".into(), "# Guide\n\n## Install\n\nRun it."),
            ("Guide/Use".into(), "## Use\n\nCall it."),
            ("Guide/Use/Deep".into(), "### Deep\n\nMore."),
            ("End".into(), "# End\n\nBye."),
        ]
    );
    assert_eq!((chunks[1].first_line, chunks[1].last_line), (7, 9));
}

#[test]
fn a_heading_without_text_stays_its_own() {
    let text = "# A\n\n# B\n\ntext\n";
    assert_eq!(texts(text, Form::Markdown, SMALL), ["# A", "# B\n\ntext"]);
}

#[test]
fn fences_and_tables_stay_whole_and_hide_what_looks_like_a_heading() {
    let code = format!("```sh\n# not a heading\n{}```\n", "echo line\n".repeat(40));
    let table = format!("| a | b |\n|---|:-:|\n{}", "| 1 | 2 |\n".repeat(40));
    let text = format!(
        "# T\n\n{}\n\n{code}\nbetween\n\n{table}",
        "word ".repeat(30)
    );
    let chunks = texts(&text, Form::Markdown, SMALL);
    assert!(chunks.iter().any(|c| c.contains(code.trim_end())));
    assert!(chunks.iter().any(|c| c.contains(table.trim_end())));
    let paths: Vec<_> = chunk(&text, Form::Markdown, SMALL)
        .into_iter()
        .map(|c| c.heading_path)
        .collect();
    assert!(paths.iter().all(|p| p == &["T"]));
}

#[test]
fn a_fence_closes_only_with_its_own_mark_and_length() {
    let text = "````\n```\n~~~\n# no\n````\n\n# yes\n\nbody";
    let chunks = chunk(text, Form::Markdown, SMALL);
    assert_eq!(chunks.len(), 2);
    assert_eq!(chunks[1].heading_path, ["yes"]);
}

#[test]
fn setext_headings_and_front_matter_are_known() {
    let text = "---\ntitle: x\n---\n\nTop\n===\n\nintro\n\nPart\n---\n\nbody\n\n- item\n---\n";
    let paths: Vec<String> = chunk(text, Form::Markdown, SMALL)
        .iter()
        .map(|c| c.heading_path.join("/"))
        .collect();
    assert_eq!(paths, ["", "Top", "Top/Part"]);
    assert_eq!(title_of(text, Form::Markdown).unwrap(), "Top");
}

#[test]
fn long_paragraphs_are_cut_between_sentences() {
    let text = "One sentence is here. ".repeat(20);
    let chunks = texts(&text, Form::Plain, SMALL);
    assert!(chunks.iter().all(|c| c.len() <= 100 && c.ends_with('.')));
    assert_eq!(chunks.join(" "), text.trim_end());
}

#[test]
fn white_space_alone_has_no_chunk() {
    assert!(chunk(" \n\t\n", Form::Markdown, SMALL).is_empty());
    assert!(chunk("", Form::Plain, SMALL).is_empty());
}

proptest! {
    /// Whatever the text: in order, on characters, within lines as told, and only white space left out.
    #[test]
    fn ranges_are_exact(
        parts in prop::collection::vec(prop::sample::select(vec![
            "# H\n", "## 二\n", "```\n", "~~~\n", "| a | b |\n", "|---|---|\n", "\n", "\r\n", "text é 漢字 ",
            "Sentence. ", "---\n", "===\n", "   indented\n", "\u{a0}", "x", "長い文。", "\t",
        ]), 0..60),
        markdown in any::<bool>(),
        max in 1usize..50,
    ) {
        let text = parts.concat();
        let form = if markdown { Form::Markdown } else { Form::Plain };
        let chunks = chunk(&text, form, Limits { target: max, max });
        let mut end = 0;
        for c in &chunks {
            prop_assert!(c.bytes.start >= end && c.bytes.end > c.bytes.start);
            prop_assert!(text[end..c.bytes.start].trim().is_empty());
            let line = |byte: usize| u32::try_from(String::from_utf8_lossy(&text.as_bytes()[..byte]).split('\n').count()).unwrap();
            prop_assert_eq!(c.first_line, line(c.bytes.start));
            prop_assert_eq!(c.last_line, line(c.bytes.end - 1));
            end = c.bytes.end;
        }
        prop_assert!(text[end..].trim().is_empty());
    }
}
