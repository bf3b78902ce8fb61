//! Which tools a token may call, beyond what its scopes say: names, and patterns in which `*` stands for any text.

use crate::base::nearest::nearest;

/// Longest name or pattern.
pub const MAX_LEN: usize = 100;

/// The tools that a principal may call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolFilter {
    allow: Vec<String>,
    deny: Vec<String>,
}

impl ToolFilter {
    /// Allows what is in `allow`, everything if that is empty, without what is in `deny`.
    pub fn new(allow: Vec<String>, deny: Vec<String>) -> Self {
        Self { allow, deny }
    }

    /// Whether `tool` may be called.
    pub fn covers(&self, tool: &str) -> bool {
        let among = |patterns: &[String]| patterns.iter().any(|p| matches(p, tool));
        (self.allow.is_empty() || among(&self.allow)) && !among(&self.deny)
    }
}

/// Says what is wrong with `entry`, a name among `known` or a pattern. A pattern may be meant for tools to come.
pub fn check(entry: &str, known: &[&'static str]) -> Result<(), String> {
    let shown: String = entry.chars().take(MAX_LEN).collect();
    let is_part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'*';
    if entry.is_empty() || entry.len() > MAX_LEN || !entry.bytes().all(is_part) {
        return Err(format!(
            "{shown:?} is no tool and no pattern: write git_push, or git_* for all that start so"
        ));
    }
    if entry.contains('*') || known.contains(&entry) {
        return Ok(());
    }
    Err(match nearest(entry, known.iter().copied()) {
        Some(near) => format!("there is no tool {shown:?}; did you mean {near:?}?"),
        None => format!("there is no tool {shown:?}: syndarix tools list shows all"),
    })
}

/// Whether `name` is `pattern`, where each `*` stands for any text.
pub fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    // Taking each piece where it comes first leaves the most for those after it.
    let left = middle
        .split('*')
        .try_fold(name.strip_prefix(head), |left, piece| {
            let (_, after) = left?.split_once(piece)?;
            Some(Some(after))
        });
    left.flatten().is_some_and(|left| left.ends_with(tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name, fits) in [
            ("git_push", "git_push", true),
            ("git_push", "git_pushed", false),
            ("git_*", "git_push", true),
            ("git_*", "git_", true),
            ("git_*", "legit_push", false),
            ("*_issue", "create_issue", true),
            ("*_issue", "list_issues", false),
            ("*", "anything", true),
            ("*e*t*", "delete_it", true),
            ("a*b*c", "a_b_c_b", false),
            ("a*bc", "abcbc", true),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn denied_wins_over_allowed_and_no_list_allows_all() {
        let filter = |allow: &[&str], deny: &[&str]| {
            let list = |entries: &[&str]| entries.iter().map(|e| (*e).to_owned()).collect();
            ToolFilter::new(list(allow), list(deny))
        };
        assert!(filter(&[], &[]).covers("git_push"));
        assert!(!filter(&[], &["git_push"]).covers("git_push"));
        assert!(!filter(&["get_*"], &[]).covers("git_push"));
        let both = filter(&["git_*"], &["*_push"]);
        assert!(both.covers("git_log") && !both.covers("git_push"));
    }

    #[test]
    fn a_name_that_is_none_is_refused_with_the_nearest() {
        let known = ["git_push", "git_log"];
        assert_eq!(check("git_push", &known), Ok(()));
        assert_eq!(check("gut_*", &known), Ok(()));
        let error = check("git_psh", &known).unwrap_err();
        assert!(error.contains("\"git_push\""), "{error}");
        assert!(check("", &known).is_err() && check("Git Push", &known).is_err());
    }

    proptest::proptest! {
        #[test]
        fn a_name_fits_what_was_cut_out_of_it(name in "[a-z_]{0,12}", from in 0..12_usize, to in 0..12_usize) {
            let (from, to) = (from.min(name.len()), to.min(name.len()));
            let pattern = format!("{}*{}", &name[..from.min(to)], &name[from.max(to)..]);
            proptest::prop_assert!(matches(&pattern, &name));
        }
    }
}
