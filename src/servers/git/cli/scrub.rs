//! What the program says, without what no caller may see.

use std::path::Path;

/// Longest message that is passed on, in bytes.
pub(super) const MOST: usize = 4096;

const HIDDEN: &str = "<path>";

/// `said` without credentials in addresses and without absolute paths; the paths in `known` first, because they may
/// hold spaces.
pub(super) fn clean<'p>(said: &[u8], known: impl IntoIterator<Item = &'p Path>) -> String {
    let mut text = String::from_utf8_lossy(said).into_owned();
    for path in known {
        if let Some(path) = path
            .to_str()
            .map(|path| path.trim_end_matches('/'))
            .filter(|path| path.len() > 1)
        {
            text = text.replace(path, HIDDEN);
        }
    }
    let text = paths(&credentials(&text));
    let text = crate::base::redact::text(text.trim());
    match text.get(..text.floor_char_boundary(MOST)) {
        Some(cut) if cut.len() < text.len() => format!("{cut}…"),
        _ => text,
    }
}

/// `text` without what stands before `@` in addresses, and without their queries.
pub(super) fn credentials(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        let (authority, tail) = split_at(after, |c| matches!(c, '/' | '\\' | '?' | '#') || ends(c));
        out.push_str(before);
        out.push_str("://");
        out.push_str(
            authority
                .rsplit_once('@')
                .map_or(authority, |(_, host)| host),
        );
        let (path, tail) = split_at(tail, |c| matches!(c, '?' | '#') || ends(c));
        out.push_str(path);
        let (_, tail) = split_at(tail, ends);
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// `text` without absolute paths and `file:` addresses.
fn paths(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('/') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let local = out.ends_with("file:");
        let starts = out.chars().next_back().is_none_or(|c| {
            !(c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ':' | '~' | '>'))
        });
        let alone = from
            .strip_prefix('/')
            .is_some_and(|next| next.is_empty() || next.starts_with(ends));
        let (word, tail) = split_at(from, ends);
        if (local || starts) && !alone {
            out.push_str(HIDDEN);
        } else {
            out.push_str(word);
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

fn ends(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\'' | '"' | '`' | ')' | ']' | '>' | ',' | ';')
}

fn split_at(text: &str, end: impl Fn(char) -> bool) -> (&str, &str) {
    let at = text.find(end).unwrap_or(text.len());
    text.split_at_checked(at).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_credentials_are_left_out() {
        for (said, shown) in [
            (
                "fatal: not a git repository: '/data/p/x.git'",
                "fatal: not a git repository: '<path>'",
            ),
            (
                "error: open(/etc/passwd): denied",
                "error: open(<path>): denied",
            ),
            (
                "fatal: unable to access 'https://ann:pw@host/a.git/?t=1': 403",
                "fatal: unable to access 'https://host/a.git/': 403",
            ),
            ("from file:///srv/git/a", "from file:<path>"),
            (
                "error: pathspec 'src/main.rs' did not match",
                "error: pathspec 'src/main.rs' did not match",
            ),
            ("https://tok@en@host", "https://host"),
            ("a / b", "a / b"),
            ("key sk-abcdefghijklmnop", "key [redacted]"),
        ] {
            assert_eq!(clean(said.as_bytes(), []), shown);
        }
        let known = Path::new("/my data/repos");
        assert_eq!(
            clean(b"cannot open /my data/repos/main.git/HEAD\n", [known]),
            "cannot open <path>/main.git/HEAD"
        );
        assert!(clean(&[b'a'; 10_000], []).len() < MOST + 10);
    }

    proptest::proptest! {
        #[test]
        fn no_secret_survives(before in "[ -~]{0,20}", user in "[a-z]{1,5}", secret in "[A-Z0-9]{9,20}", after in "[ -~]{0,20}") {
            let said = format!("{before} https://{user}:{secret}@host/x {after}");
            proptest::prop_assert!(!clean(said.as_bytes(), []).contains(&secret));
        }

        #[test]
        fn nothing_makes_it_panic(said in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            clean(&said, [Path::new("/")]);
        }
    }
}
