use proptest::prelude::*;
use similar::TextDiff;

use super::*;

/// The file of a patch of one file, after it.
fn patched(old: &str, patch: &str) -> Result<(String, Vec<Done>), Misfit> {
    let files = parse(patch).unwrap();
    let [
        FilePatch {
            action: Action::Update { hunks, .. },
            ..
        },
    ] = files.as_slice()
    else {
        panic!("{files:?}")
    };
    let (lines, done) = apply(&Line::split(old), hunks)?;
    Ok((Line::join(&lines), done))
}

fn wrong(patch: &str) -> String {
    parse(patch).unwrap_err().to_string()
}

fn unified(hunks: &str) -> String {
    format!("--- a/f\n+++ b/f\n{hunks}")
}

fn begin(hunks: &str) -> String {
    format!("*** Begin Patch\n*** Update File: f\n{hunks}*** End Patch\n")
}

#[test]
fn git_says_what_becomes_of_each_file() {
    let text = "Some mail.\n\ndiff --git a/old name b/new name\nsimilarity index 100%\nrename from old name\nrename to new name\n\
                diff --git a/run.sh b/run.sh\nold mode 100644\nnew mode 100755\n\
                diff --git a/gone b/gone\ndeleted file mode 100644\nindex e69de29..0000000\n\
                diff --git a/empty b/empty\nnew file mode 100755\nindex 0000000..e69de29\n\
                diff --git \"a/caf\\303\\251\" \"b/caf\\303\\251\"\nindex 1..2 100644\n--- \"a/caf\\303\\251\"\n+++ \"b/caf\\303\\251\"\n\
                @@ -1 +1 @@ fn x\n-a\n+b\n\
                diff --git a/n b/n\nnew file mode 100644\n--- /dev/null\n+++ b/n\n@@ -0,0 +1,2 @@\n+x\r\n+y\n\\ No newline at end of file\n-- \n2.47\n";
    let files = parse(text).unwrap();
    let names: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(names, ["old name", "run.sh", "gone", "empty", "café", "n"]);
    let actions: Vec<&Action> = files.iter().map(|file| &file.action).collect();
    assert!(
        matches!(actions[0], Action::Update { to: Some(to), hunks, .. } if to == "new name" && hunks.is_empty())
    );
    assert!(matches!(
        actions[1],
        Action::Update {
            to: None,
            executable: Some(true),
            ..
        }
    ));
    assert!(matches!(actions[2], Action::Delete { hunks } if hunks.is_empty()));
    assert!(matches!(actions[3], Action::Add { content, executable: true } if content.is_empty()));
    assert!(matches!(actions[4], Action::Update { hunks, .. } if hunks.len() == 1));
    assert!(
        matches!(actions[5], Action::Add { content, executable: false } if content == "x\r\ny")
    );
}

#[test]
fn a_plain_diff_keeps_its_names_unless_both_have_gits_prefixes() {
    let name = |old: &str, new: &str| {
        parse(&format!("--- {old}\n+++ {new}\n@@ -1 +1 @@\n-a\n+b\n")).unwrap()[0]
            .path
            .clone()
    };
    assert_eq!(name("a/x", "b/x"), "x");
    assert_eq!(name("a/x\t2026-01-01", "a/x\t2026-01-02"), "a/x");
    assert_eq!(name("src/x", "src/x"), "src/x");
}

#[test]
fn what_is_no_patch_is_told_by_line() {
    assert!(wrong("hello\n").contains("changes no file"));
    assert!(
        wrong(&unified("@@ -1,3 +1 @@\n-a\n+b\n"))
            .starts_with("line 3 of the patch: the hunk says 3 old")
    );
    assert!(
        wrong(&unified("@@ -1 +1 @@\n-a\n+b\n c\n").replace("-1 +1", "-1,9 +1"))
            .contains("Begin Patch")
    );
    assert!(wrong("@@ -1 +1 @@\n-a\n+b\n").contains("without the --- and +++"));
    assert!(wrong(&unified("@@ nonsense\n")).contains("@@ -line,count"));
    assert!(wrong("diff --git a/x b/x\nindex 1..2\nGIT binary patch\n").contains("binary"));
    assert!(wrong("diff --git a/x b/x\nnew file mode 120000\n").contains("symbolic links"));
    assert!(
        wrong("*** Begin Patch\n*** Update File: f\n@@\n-a\n+b\n").contains("End Patch is missing")
    );
    assert!(wrong("*** Begin Patch\n+a\n*** End Patch").contains("must come first"));
    assert!(wrong(&begin("@@\n same\n")).contains("changes nothing"));
    assert!(wrong("*** Begin Patch\n*** Add File: f\na\n*** End Patch").contains("starts with +"));
}

#[test]
fn hunks_go_where_they_say_or_the_shift_is_told() {
    let old = "1\n2\n3\n4\n5\n";
    let hunk = unified("@@ -2,2 +2,2 @@\n 2\n-3\n+three\n");
    let (new, done) = patched(old, &hunk).unwrap();
    assert_eq!(new, "1\n2\nthree\n4\n5\n");
    assert_eq!(
        done[0],
        Done {
            line: 2,
            offset: 0,
            ignored: Ignored::Nothing
        }
    );
    let (new, done) = patched(&format!("0\n0\n{old}"), &hunk).unwrap();
    assert_eq!(
        (new.as_str(), done[0].offset),
        ("0\n0\n1\n2\nthree\n4\n5\n", 2)
    );
    assert_eq!(
        patched(
            "x\n2\n3\nx\n2\n3\nx\n",
            &unified("@@ -1,2 +1,2 @@\n 2\n-3\n+three\n")
        ),
        Err(Misfit::Ambiguous {
            hunk: 0,
            lines: vec![2, 5]
        })
    );
    let Err(Misfit::NotFound {
        near: Some(near), ..
    }) = patched(
        "1\ntow and more\n",
        &unified("@@ -2 +2 @@\n-two and more\n+x\n"),
    )
    else {
        panic!("found")
    };
    assert_eq!(near.line, 2);
    // Insertion without context, as `diff -U0` writes it.
    assert_eq!(
        patched("1\n2\n", &unified("@@ -1,0 +2 @@\n+x\n"))
            .unwrap()
            .0,
        "1\nx\n2\n"
    );
    assert_eq!(
        patched("1\n", &unified("@@ -0,0 +1 @@\n+x\n")).unwrap().0,
        "x\n1\n"
    );
    assert_eq!(
        patched("1\n", &unified("@@ -9,0 +2 @@\n+x\n")),
        Err(Misfit::NoPlace { hunk: 0 })
    );
}

#[test]
fn line_endings_are_exact_where_they_fit_and_kept_where_they_do_not() {
    // As git writes it for a file with `\r\n`, and as a model writes it.
    let exact = unified("@@ -1,2 +1,2 @@\n-a\r\n+A\r\n b\r\n");
    assert_eq!(patched("a\r\nb\r\n", &exact).unwrap().0, "A\r\nb\r\n");
    let (new, done) =
        patched("a\r\nb\r\n", &unified("@@ -1,2 +1,3 @@\n-a\n+A\n+AA\n b\n")).unwrap();
    assert_eq!(
        (new.as_str(), done[0].ignored),
        ("A\r\nAA\r\nb\r\n", Ignored::LineEndings)
    );
    // A change of the endings alone.
    assert_eq!(
        patched("a\r\n", &unified("@@ -1 +1 @@\n-a\r\n+a\n"))
            .unwrap()
            .0,
        "a\n"
    );
    let mixed = patched("a\r\nb\nc\r\n", &begin("@@\n a\n-b\n+B\n c\n")).unwrap();
    assert_eq!(
        (mixed.0.as_str(), mixed.1[0].ignored),
        ("a\r\nB\nc\r\n", Ignored::Nothing)
    );
    let (new, done) = patched("a  \nb\n", &begin("@@\n a\n-b\n+B\n")).unwrap();
    assert_eq!(
        (new.as_str(), done[0].ignored),
        ("a  \nB\n", Ignored::TrailingSpace)
    );
}

#[test]
fn the_end_of_the_file_stays_as_it_was_unless_the_patch_says_so() {
    assert_eq!(
        patched("a\nb", &begin("@@\n a\n-b\n+B\n")).unwrap().0,
        "a\nB"
    );
    assert_eq!(
        patched("a\nb", &begin("@@\n b\n+c\n*** End of File\n"))
            .unwrap()
            .0,
        "a\nb\nc"
    );
    assert_eq!(
        patched("a\nb\n", &begin("@@\n b\n+c\n")).unwrap().0,
        "a\nb\nc\n"
    );
    let add = unified("@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
    assert_eq!(patched("a", &add).unwrap().0, "a\n");
    let drop = unified("@@ -1 +1 @@\n-a\n+a\n\\ No newline at end of file\n");
    assert_eq!(patched("a\n", &drop).unwrap().0, "a");
    let (new, done) = patched("a\nb", &unified("@@ -1,2 +1,2 @@\n a\n-b\n+B\n")).unwrap();
    assert_eq!(
        (new.as_str(), done[0].ignored),
        ("a\nB", Ignored::LineEndings)
    );
}

#[test]
fn anchors_and_the_files_end_tell_equal_places_apart() {
    let old = "fn a() {\n  go();\n}\nfn b() {\n  go();\n}\n";
    assert!(matches!(
        patched(old, &begin("@@\n-  go();\n+  stop();\n")),
        Err(Misfit::Ambiguous { .. })
    ));
    let (new, _) = patched(old, &begin("@@ fn b() {\n-  go();\n+  stop();\n")).unwrap();
    assert_eq!(new, "fn a() {\n  go();\n}\nfn b() {\n  stop();\n}\n");
    let (new, _) = patched(old, &begin("@@\n }\n+// end\n*** End of File\n")).unwrap();
    assert!(new.ends_with("}\n// end\n") && new.matches("// end").count() == 1);
    assert_eq!(
        patched("x\nx\n", &begin("@@\n-x\n+y\n@@\n-x\n+z\n")),
        Err(Misfit::Ambiguous {
            hunk: 0,
            lines: vec![1, 2]
        })
    );
    let missing = patched(old, &begin("@@ fn c() {\n-  go();\n+x\n"));
    assert_eq!(
        missing,
        Err(Misfit::NoAnchor {
            hunk: 0,
            anchor: "fn c() {".into()
        })
    );
    assert_eq!(
        patched("a\n", &begin("@@\n+x\n")),
        Err(Misfit::NoPlace { hunk: 0 })
    );
}

/// Lines with endings of all sorts, and few different texts.
fn text() -> impl Strategy<Value = String> {
    let line = ("[ab]{0,2}", prop_oneof![4 => Just("\n"), 1 => Just("\r\n")]);
    (proptest::collection::vec(line, 0..14), "[ab]{0,2}").prop_map(|(lines, last)| {
        lines
            .into_iter()
            .map(|(text, end)| text + end)
            .collect::<String>()
            + &last
    })
}

proptest! {
    /// Whatever a diff says, with any amount of context, applying it gives the new file to the byte.
    #[test]
    fn a_diff_applied_gives_the_new_file(old in text(), new in text(), context in 0_usize..4) {
        prop_assume!(old != new);
        let diff = TextDiff::from_lines(old.as_str(), new.as_str());
        let patch = diff.unified_diff().context_radius(context).header("a/f", "b/f").missing_newline_hint(true).to_string();
        let (applied, done) = patched(&old, &patch).unwrap();
        prop_assert_eq!(applied, new);
        prop_assert!(done.iter().all(|d| d.offset == 0 && d.ignored == Ignored::Nothing));
    }

    #[test]
    fn no_text_makes_it_panic(text in "(\\*\\*\\* (Begin Patch|Update File: f|Add File: g|End Patch|End of File|Move to: h)|@@( -1,1 \\+1,2 @@| a)?|--- a/f|\\+\\+\\+ b/f|diff --git a/f b/f|[-+ \\\\]?[ab]{0,2}|\n){0,30}", old in text()) {
        if let Ok(files) = parse(&text) {
            for file in files {
                if let Action::Update { hunks, .. } = file.action {
                    let _ = apply(&Line::split(&old), &hunks);
                }
            }
        }
    }

    #[test]
    fn lines_join_to_what_they_were(text in "[a\r\n]{0,20}") {
        prop_assert_eq!(Line::join(&Line::split(&text)), text);
    }
}

proptest! {
    /// The same for diffs as libgit2 writes them, whose lines end at `\n` alone.
    #[test]
    fn a_diff_of_git_applied_gives_the_new_file(old in text(), new in text(), context in 0_u32..4, lone in any::<bool>()) {
        let odd = |text: String| if lone { text.replace('b', "\r") } else { text };
        let (old, new) = (odd(old), odd(new));
        prop_assume!(old != new && !old.is_empty() && !new.is_empty());
        let mut options = git2::DiffOptions::new();
        options.context_lines(context);
        let path = Some(std::path::Path::new("f"));
        let mut diff = git2::Patch::from_buffers(old.as_bytes(), path, new.as_bytes(), path, Some(&mut options)).unwrap();
        let patch = diff.to_buf().unwrap();
        let (applied, done) = patched(&old, patch.as_str().unwrap()).unwrap();
        prop_assert_eq!(&applied, &new);
        prop_assert!(done.iter().all(|d| d.offset == 0 && d.ignored == Ignored::Nothing));
    }
}
