//! The files by which a step talks to the runner: `GITHUB_ENV`, `GITHUB_PATH`, `GITHUB_OUTPUT`.
//!
//! <https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands#environment-files>

use super::workflow::Vars;

/// Largest command file that is read, in bytes.
pub const MAX_BYTES: u64 = 1024 * 1024;

/// A line that is not a command, counted from 1.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct Malformed {
    pub line: usize,
    pub message: String,
}

/// Reads `NAME=value` lines and `NAME<<DELIMITER` blocks.
pub fn variables(text: &str) -> Result<Vars, Malformed> {
    let mut vars = Vars::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let malformed = |message: &str| Malformed {
            line: at + 1,
            message: message.to_owned(),
        };
        if line.is_empty() {
            continue;
        }
        let (equals, heredoc) = (line.find('='), line.find("<<"));
        match (equals, heredoc) {
            (Some(equals), heredoc) if heredoc.is_none_or(|heredoc| equals < heredoc) => {
                let (name, value) = line.split_at(equals);
                // Only the first `=` separates: `A==b` sets `=b`.
                insert(
                    &mut vars,
                    name,
                    value.strip_prefix('=').unwrap_or(value).to_owned(),
                    &malformed,
                )?;
            }
            (_, Some(heredoc)) => {
                let (name, delimiter) = line.split_at(heredoc);
                let delimiter = delimiter.trim_start_matches('<');
                if delimiter.is_empty() {
                    return Err(malformed("`<<` without a delimiter"));
                }
                let mut value = Vec::new();
                loop {
                    match lines.next() {
                        Some((_, line)) if line == delimiter => break,
                        Some((_, line)) => value.push(line),
                        None => return Err(malformed("the delimiter of this block never comes")),
                    }
                }
                insert(&mut vars, name, value.join("\n"), &malformed)?;
            }
            _ => return Err(malformed("neither `NAME=value` nor `NAME<<DELIMITER`")),
        }
    }
    Ok(vars)
}

fn insert(
    vars: &mut Vars,
    name: &str,
    value: String,
    malformed: &dyn Fn(&str) -> Malformed,
) -> Result<(), Malformed> {
    if name.is_empty() || name.contains('\0') || value.contains('\0') {
        return Err(malformed(
            "a variable needs a name, and neither it nor its value can hold a NUL character",
        ));
    }
    vars.insert(name.to_owned(), value);
    Ok(())
}

/// Whether a step may set the variable for later steps: the runner's own may not be changed.
pub fn may_set(name: &str) -> bool {
    !(name.starts_with("GITHUB_")
        || name.starts_with("RUNNER_")
        || name.starts_with("SYNDARIX_")
        || name == "CI")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_lines_and_blocks() {
        let vars = variables("A=1\n\nB==x=<<y\nC<<EOF\none=1\ntwo\nEOF\nD=\n").unwrap();
        let expected = [("A", "1"), ("B", "=x=<<y"), ("C", "one=1\ntwo"), ("D", "")];
        assert_eq!(
            vars,
            expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into()
        );
    }

    #[test]
    fn says_which_line_is_wrong() {
        for (text, line) in [
            ("A=1\nnonsense", 2),
            ("=x", 1),
            ("A<<EOF\nx", 1),
            ("A<<\n", 1),
        ] {
            assert_eq!(variables(text).unwrap_err().line, line, "{text:?}");
        }
    }

    #[test]
    fn the_runners_own_variables_are_protected() {
        assert!(
            !may_set("GITHUB_TOKEN")
                && !may_set("RUNNER_TEMP")
                && may_set("PATH")
                && may_set("MY_VAR")
        );
    }

    proptest! {
        #[test]
        fn any_block_comes_back(value in "[^\0\r]{0,80}") {
            prop_assume!(!value.lines().any(|line| line == "END_1"));
            let vars = variables(&format!("K<<END_1\n{value}\nEND_1\n")).unwrap();
            prop_assert_eq!(vars["K"].lines().collect::<Vec<_>>(), value.lines().collect::<Vec<_>>());
        }
    }
}
