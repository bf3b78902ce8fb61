//! What came and went, as the git program tells it to programs.

use schemars::JsonSchema;
use serde::Serialize;

/// A ref that a fetch moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Moved {
    /// The ref here, such as `refs/remotes/origin/main`.
    pub name: String,
    /// What happened: `new`, `fast_forwarded`, `forced`, `pruned`, `tag` or `rejected`.
    pub how: &'static str,
    /// Where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// A ref that a push was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Whether the remote took it.
    pub taken: bool,
    /// Whether it had it already.
    pub same: bool,
    /// What the remote says of it, such as `non-fast-forward`.
    pub said: String,
}

/// Reads `git fetch --porcelain`: `<flag> <old> <new> <ref>` a line.
pub fn fetched(answer: &[u8]) -> Vec<Moved> {
    let text = String::from_utf8_lossy(answer);
    text.lines().filter_map(moved).collect()
}

fn moved(line: &str) -> Option<Moved> {
    let (flag, rest) = line.split_at_checked(1)?;
    let mut words = rest.trim_start().splitn(3, ' ');
    let (from, to, name) = (words.next()?, words.next()?, words.next()?);
    let how = match flag {
        "*" => "new",
        " " => "fast_forwarded",
        "+" => "forced",
        "-" => "pruned",
        "t" => "tag",
        "!" => "rejected",
        // It was so already.
        _ => return None,
    };
    let known = |id: &str| (!id.bytes().all(|digit| digit == b'0')).then(|| id.to_owned());
    Some(Moved {
        name: name.to_owned(),
        how,
        from: known(from),
        to: known(to),
    })
}

/// Reads `git push --porcelain`: `<flag>\t<from>:<to>\t<summary> (<reason>)` a line.
pub fn pushed(answer: &[u8]) -> Vec<Pushed> {
    let text = String::from_utf8_lossy(answer);
    let line = |line: &str| {
        let (flag, rest) = line.split_once('\t')?;
        let (_, said) = rest.split_once('\t')?;
        Some(Pushed {
            taken: flag != "!",
            same: flag == "=",
            said: said.to_owned(),
        })
    };
    text.lines().filter_map(line).collect()
}

/// The branch that a remote's HEAD names, from `git ls-remote --symref <url> HEAD`.
pub fn head(answer: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(answer);
    let mut lines = text.lines();
    lines.find_map(|line| {
        let target = line.strip_prefix("ref: ")?.strip_suffix("\tHEAD")?;
        target.strip_prefix("refs/heads/").map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moved_is_read_from_gits_lines() {
        let zero = "0".repeat(40);
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        let text = format!(
            "* {zero} {a} refs/remotes/origin/x\n  {a} {b} refs/remotes/origin/main\n+ {a} {b} refs/remotes/origin/y\n- {a} {zero} refs/remotes/origin/z\n= {a} {a} refs/remotes/origin/same\n"
        );
        let moved = fetched(text.as_bytes());
        let how: Vec<_> = moved
            .iter()
            .map(|one| (one.how, one.name.rsplit('/').next().unwrap()))
            .collect();
        assert_eq!(
            how,
            [
                ("new", "x"),
                ("fast_forwarded", "main"),
                ("forced", "y"),
                ("pruned", "z")
            ]
        );
        assert_eq!((&moved[0].from, &moved[3].to), (&None, &None));
        let text = "To https://x/y\n!\trefs/heads/a:refs/heads/b\t[rejected] (non-fast-forward)\n=\tc:d\t[up to date]\nDone\n";
        let pushed = pushed(text.as_bytes());
        assert_eq!(
            (pushed.len(), pushed[0].taken, pushed[1].same),
            (2, false, true)
        );
        assert!(pushed[0].said.contains("non-fast-forward"));
        assert_eq!(
            head(b"ref: refs/heads/trunk\tHEAD\n1234\tHEAD\n"),
            Some("trunk".to_owned())
        );
        assert_eq!(head(b"1234\tHEAD\n"), None);
    }
}
