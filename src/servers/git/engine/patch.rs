//! The text of a patch: pieces of it, and the word-by-word form.

use std::fmt::Write as _;

use git2::Patch;
use similar::{ChangeTag, TextDiff};

use super::{Error, shown};

/// Longest line of a patch that is shown, in bytes.
const MAX_LINE: usize = 2000;

/// Whole lines of `text` from line `skip` on, as many as fit into `room` bytes, and how many these are. A line longer
/// than [`MAX_LINE`] is cut.
pub fn piece(text: &str, skip: usize, room: usize) -> (String, usize) {
    let mut out = String::new();
    let mut used = 0;
    // Not `lines`, which would take a carriage return for a part of the line's end.
    for line in text.split_inclusive('\n').skip(skip) {
        let line = line.strip_suffix('\n').unwrap_or(line);
        let shown = line
            .get(..line.floor_char_boundary(MAX_LINE))
            .unwrap_or(line);
        if out.len() + shown.len() + 1 > room {
            break;
        }
        out.push_str(shown);
        if shown.len() < line.len() {
            out.push('…');
        }
        out.push('\n');
        used += 1;
    }
    (out, used)
}

/// The patch as git writes it: with a tab after names that hold spaces, by which other programs find where they end, and
/// without the names of both sides where no lines follow.
pub fn as_git(text: String) -> String {
    let end = text.find("\n@@ ").unwrap_or(text.len());
    let Some((head, body)) = text.split_at_checked(end) else {
        return text;
    };
    let is_name = |line: &str| line.starts_with("--- ") || line.starts_with("+++ ");
    let spaced = |line: &str| {
        let name = line
            .strip_prefix("--- a/")
            .or_else(|| line.strip_prefix("+++ b/"));
        name.is_some_and(|name| name.contains(' '))
    };
    if body.is_empty() {
        return head
            .split_inclusive('\n')
            .filter(|line| !is_name(line))
            .collect();
    }
    if !head.lines().any(spaced) {
        return text;
    }
    let lines = head.split('\n').map(|line| {
        let tab = if spaced(line) { "\t" } else { "" };
        format!("{line}{tab}")
    });
    lines.collect::<Vec<_>>().join("\n") + body
}

/// The patch with `[-removed-]` and `{+added+}` words within the lines, as `git diff --word-diff`.
pub fn words(patch: &Patch<'_>) -> Result<String, Error> {
    let mut out = String::new();
    for hunk in 0..patch.num_hunks() {
        let (header, lines) = patch.hunk(hunk)?;
        out.push_str(shown(header.header()).trim_end());
        out.push('\n');
        let (mut old, mut new) = (String::new(), String::new());
        for line in 0..lines {
            let line = patch.line_in_hunk(hunk, line)?;
            let text = shown(line.content());
            match line.origin() {
                '-' => old.push_str(&text),
                '+' => new.push_str(&text),
                ' ' => {
                    flush(&mut out, &mut old, &mut new);
                    out.push_str(&text);
                }
                _ => {}
            }
        }
        flush(&mut out, &mut old, &mut new);
        if !out.ends_with('\n') {
            out.push('\n');
        }
    }
    Ok(out)
}

/// Writes a run of removed and added lines as one.
fn flush(out: &mut String, old: &mut String, new: &mut String) {
    let diff: TextDiff<'_, '_, str> = TextDiff::from_words(old.as_str(), new.as_str());
    let mut open = ChangeTag::Equal;
    for change in diff.iter_all_changes() {
        let tag = change.tag();
        let word = change.value();
        if tag != open || word.contains('\n') {
            close(out, open);
            open = ChangeTag::Equal;
        }
        // A line's end is not a word.
        if word.contains('\n') {
            if tag != ChangeTag::Delete || new.is_empty() {
                let _ = out.write_str(word);
            }
            continue;
        }
        if tag != open {
            out.push_str(match tag {
                ChangeTag::Delete => "[-",
                ChangeTag::Insert => "{+",
                ChangeTag::Equal => "",
            });
            open = tag;
        }
        out.push_str(word);
    }
    close(out, open);
    old.clear();
    new.clear();
}

fn close(out: &mut String, open: ChangeTag) {
    out.push_str(match open {
        ChangeTag::Delete => "-]",
        ChangeTag::Insert => "+}",
        ChangeTag::Equal => "",
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_whole_lines() {
        assert_eq!(piece("aa\nbb\ncc\n", 1, 6), ("bb\ncc\n".into(), 2));
        assert_eq!(piece("aa\nbb\n", 0, 4), ("aa\n".into(), 1));
        assert_eq!(piece("aa\n", 0, 2), (String::new(), 0));
        assert_eq!(piece("a\r\nb\r", 0, 9), ("a\r\nb\r\n".into(), 2));
        let (long, used) = piece(&"é".repeat(3000), 0, 9000);
        assert!(used == 1 && long.ends_with("…\n") && long.len() < 2010);
    }

    #[test]
    fn headers_are_those_of_git() {
        let hunk = "@@ -1 +1 @@\n--- a/x y\n+z\n";
        let patch = format!("diff --git a/x y b/x y\n--- a/x y\n+++ b/x y\n{hunk}");
        let like = format!("diff --git a/x y b/x y\n--- a/x y\t\n+++ b/x y\t\n{hunk}");
        assert_eq!(as_git(patch), like);
        let empty = "diff --git a/x b/x\nindex 1..0\n--- a/x\n+++ /dev/null\n";
        assert_eq!(as_git(empty.into()), "diff --git a/x b/x\nindex 1..0\n");
        for same in ["", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n"] {
            assert_eq!(as_git(same.into()), same);
        }
    }

    #[test]
    fn words_are_marked_where_they_changed() {
        let patch = Patch::from_buffers(
            b"keep\nthe old word\n",
            None,
            b"keep\nthe new word\n",
            None,
            None,
        )
        .unwrap();
        assert_eq!(
            words(&patch).unwrap(),
            "@@ -1,2 +1,2 @@\nkeep\nthe [-old-]{+new+} word\n"
        );
    }
}
