use super::*;
use proptest::prelude::*;

const SMALL: Limits<'static> = Limits {
    target: 14,
    max: 20,
    tokens: &tokens,
};

fn texts(text: &str, form: Form, limits: Limits<'_>) -> Vec<String> {
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
    assert!(chunks.iter().all(|c| tokens(c) <= 20 && c.ends_with('.')));
    assert_eq!(chunks.join(" "), text.trim_end());
}

#[test]
fn white_space_alone_has_no_chunk() {
    assert!(chunk(" \n\t\n", Form::Markdown, SMALL).is_empty());
    assert!(chunk("", Form::Plain, SMALL).is_empty());
}

#[test]
fn form_feeds_make_pages() {
    let text = "first\npage\n\u{c}second\n\n\u{c}\n\u{c}fourth";
    let chunks = chunk(text, Form::Plain, Limits::default());
    let seen: Vec<(String, &str)> = chunks
        .iter()
        .map(|c| (c.heading_path.join("/"), c.text(text)))
        .collect();
    assert_eq!(
        seen,
        [
            ("Page 1".into(), "first\npage"),
            ("Page 2".into(), "second"),
            ("Page 4".into(), "fourth")
        ]
    );
}

#[test]
fn a_long_word_is_cut_between_characters() {
    let text = "漢".repeat(300);
    let chunks = chunk(&text, Form::Plain, Limits::default());
    assert!(chunks.len() > 1 && chunks.iter().all(|c| c.tokens <= 256));
    assert_eq!(
        chunks.iter().map(|c| c.text(&text)).collect::<String>(),
        text
    );
}

/// Symbol, path and first line of each chunk.
fn outline(text: &str, grammar: Grammar, limits: Limits<'_>) -> Vec<String> {
    let chunks = chunk(text, Form::Code(grammar), limits);
    let line = |c: &Chunk| c.text(text).lines().next().unwrap_or_default().to_owned();
    let symbol = |c: &Chunk| c.symbol.clone().unwrap_or_default();
    chunks
        .iter()
        .map(|c| format!("{} [{}] {}", symbol(c), c.heading_path.join("/"), line(c)))
        .collect()
}

#[test]
fn a_program_is_cut_along_its_items() {
    let text = "use a::b;\nuse c;\n\n/// Adds.\n#[inline]\nfn add(a: u8, b: u8) -> u8 {\n    a + b\n}\n\n\
        impl<T> Store<T> {\n    /// One.\n    fn one(&self) -> u8 {\n        self.a + self.b\n    }\n\n    \
        fn two(&self) -> u8 {\n        self.c + self.d\n    }\n}\n";
    assert_eq!(
        outline(text, Grammar::Rust, Limits { max: 60, ..SMALL }),
        [
            " [] use a::b;",
            "add [] /// Adds.",
            "Store [] impl<T> Store<T> {",
            "Store::one [Store]     /// One.",
            "Store::two [Store]     fn two(&self) -> u8 {",
        ]
    );
    assert_eq!(
        outline(text, Grammar::Rust, Limits::default()),
        ["add, Store [] use a::b;"]
    );
}

#[test]
fn items_are_known_in_every_language() {
    let tiny = Limits {
        target: 1,
        ..Limits::default()
    };
    for (grammar, text, symbols) in [
        (
            Grammar::Python,
            "import a\n@wrap\nclass K(B):\n    x = 1\n    # about\n    @prop\n    def m(self):\n        pass\n",
            "K|K.m",
        ),
        (
            Grammar::TypeScript,
            "export class K {\n  m(): void {}\n}\nexport const f = () => 1;\ninterface I { a: string }\nconst n = 1;\n",
            "K|K.m|f|I",
        ),
        (Grammar::Tsx, "function F() { return <a/>; }\n", "F"),
        (
            Grammar::Go,
            "package a\n\n// M does.\nfunc (s *Store[T]) M() {}\n\ntype T struct{}\n\nfunc f() {}\n",
            "Store.M|T|f",
        ),
        (
            Grammar::Java,
            "package a;\n\n/** K. */\nclass K {\n  K() {}\n\n  int m() { return 1; }\n}\n",
            "K|K.K|K.m",
        ),
    ] {
        let chunks = chunk(text, Form::Code(grammar), tiny);
        let found: Vec<_> = chunks.iter().filter_map(|c| c.symbol.clone()).collect();
        assert_eq!(found.join("|"), symbols, "{grammar:?}");
    }
}

#[test]
fn a_large_function_is_cut_at_blank_lines() {
    let body = "    let a = b + c;\n    let d = e;\n\n".repeat(8);
    let text = format!("fn long() {{\n{body}}}\n");
    let chunks = chunk(&text, Form::Code(Grammar::Rust), SMALL);
    assert!(chunks.len() > 4);
    for c in &chunks {
        assert_eq!(c.symbol.as_deref(), Some("long"));
        assert!(c.text(&text).trim_end().ends_with([';', '{', '}']));
    }
}

proptest! {
    /// Whatever the text: in order, on characters, within lines as told, and only white space left out; no fence or table
    /// is split.
    #[test]
    fn ranges_are_exact(
        parts in prop::collection::vec(prop::sample::select(vec![
            "# H\n", "## 二\n", "```\n", "~~~\n", "| a | b |\n", "|---|---|\n", "\n", "\r\n", "text é 漢字 ",
            "Sentence. ", "---\n", "===\n", "   indented\n", "\u{a0}", "x", "長い文。", "\t", "\u{c}",
            "fn f() {", "}\n", "impl A {\n", "// note\n", "class B {\n", "def g():\n", "  #[a]\n", "\"", "/*", "\r",
        ]), 0..60),
        form in prop::sample::select(vec![
            Form::Markdown, Form::Plain, Form::Code(Grammar::Rust), Form::Code(Grammar::Python), Form::Code(Grammar::Java),
            Form::Code(Grammar::Go), Form::Code(Grammar::Tsx),
        ]),
        max in 1u32..30,
    ) {
        let text = parts.concat();
        let chunks = chunk(&text, form, Limits { target: max, max, tokens: &tokens });
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
        if form == Form::Markdown {
            for block in markdown::blocks(&Lines::of(&text)) {
                let inside = |c: &Chunk| block.bytes.contains(&c.bytes.start) && c.bytes.start > block.bytes.start;
                let split = matches!(block.role, Role::Whole)
                    && chunks.iter().any(|c| inside(c) && !text[block.bytes.start..c.bytes.start].trim().is_empty());
                prop_assert!(!split, "{:?}", block.bytes);
            }
        }
    }
}
