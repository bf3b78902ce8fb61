//! A unified diff of two versions of a file.

use std::time::Duration;

use similar::TextDiff;

/// Longest diff that is returned, in bytes.
pub const MAX_DIFF: usize = 24 * 1024;
/// After this the algorithm settles for a diff that is right but not minimal.
const PATIENCE: Duration = Duration::from_millis(500);

/// The diff from `old` to `new`, and whether it was cut to [`MAX_DIFF`]. Empty when they are equal.
pub fn unified(path: &str, old: &str, new: &str) -> (String, bool) {
    between((path, path), old, new, 3)
}

/// The same for two files and with so many lines of context.
pub fn between((from, to): (&str, &str), old: &str, new: &str, context: usize) -> (String, bool) {
    let diff: TextDiff<'_, '_, str> = TextDiff::configure().timeout(PATIENCE).diff_lines(old, new);
    let (from, to) = (format!("a/{from}"), format!("b/{to}"));
    let mut text = diff
        .unified_diff()
        .context_radius(context)
        .header(&from, &to)
        .to_string();
    let cut = text.len() > MAX_DIFF;
    if cut {
        text.truncate(text.floor_char_boundary(MAX_DIFF));
    }
    (text, cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_shows_with_its_context() {
        let (text, cut) = unified("x", "1\n2\n3\n", "1\ntwo\n3\n");
        assert_eq!(
            text,
            "--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n 1\n-2\n+two\n 3\n"
        );
        assert!(!cut);
        assert_eq!(unified("x", "same\n", "same\n").0, "");
        assert!(unified("x", "", &"line\n".repeat(20_000)).1);
    }
}
