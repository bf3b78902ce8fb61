//! What a mistyped name was meant to be.

/// The most edits that still make a likely typo.
const LIKELY: usize = 3;

/// The one of `names` that `wrong` most likely stands for, if any is close.
pub fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(name, wrong), name))
        .min()
        .filter(|(edits, _)| *edits <= LIKELY)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_recognised_and_nonsense_is_not() {
        let names = ["git_push", "git_pull", "git_status"];
        assert_eq!(nearest("git_psuh", names), Some("git_push"));
        assert_eq!(nearest("launch_rocket", names), None);
    }
}
