//! `.gitmodules`: which submodules a commit says there are. Anybody may have written it.
//!
//! Read by these rules alone, those of git's config files (git-config(1), "Syntax"): nothing that it says is configuration here,
//! and no other file is read for it.

use std::collections::BTreeMap;

/// Largest such file, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// What it says of a submodule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    pub name: String,
    pub path: Option<String>,
    pub url: Option<String>,
}

/// What cannot be read, by its line from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of .gitmodules cannot be read: {why}")]
pub struct BadLine {
    line: usize,
    why: &'static str,
}

/// The submodules, by name. What is said twice holds as it was said last.
pub fn read(text: &str) -> Result<Vec<Declared>, BadLine> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.replace("\r\n", "\n");
    let mut reader = Reader {
        rest: &text,
        line: 1,
    };
    let mut all: BTreeMap<String, Declared> = BTreeMap::new();
    // The submodule that is spoken of; none in other sections, whose keys mean nothing here.
    let mut section: Option<Option<String>> = None;
    while let Some(next) = reader.peek_after_blanks() {
        match next {
            '\n' => reader.skip(),
            '#' | ';' => reader.comment(),
            '[' => {
                reader.skip();
                let name = reader.section()?;
                if let Some(name) = &name {
                    all.entry(name.clone()).or_insert_with(|| Declared {
                        name: name.clone(),
                        path: None,
                        url: None,
                    });
                }
                section = Some(name);
            }
            _ => {
                let (key, value) = reader.variable()?;
                let Some(of) = &section else {
                    return Err(reader.bad("it is in no section"));
                };
                let Some(declared) = of.as_ref().and_then(|name| all.get_mut(name)) else {
                    continue;
                };
                match key.as_str() {
                    "path" => declared.path = value,
                    "url" => declared.url = value,
                    _ => {}
                }
            }
        }
    }
    Ok(all.into_values().collect())
}

struct Reader<'t> {
    rest: &'t str,
    line: usize,
}

impl Reader<'_> {
    fn bad(&self, why: &'static str) -> BadLine {
        BadLine {
            line: self.line,
            why,
        }
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn skip(&mut self) {
        let mut chars = self.rest.chars();
        if chars.next() == Some('\n') {
            self.line += 1;
        }
        self.rest = chars.as_str();
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.skip();
        Some(next)
    }

    /// The same, on this line.
    fn next_here(&mut self) -> Option<char> {
        self.peek().filter(|c| *c != '\n')?;
        self.next()
    }

    fn peek_after_blanks(&mut self) -> Option<char> {
        while self.peek().is_some_and(|c| matches!(c, ' ' | '\t' | '\r')) {
            self.skip();
        }
        self.peek()
    }

    fn comment(&mut self) {
        while self.peek().is_some_and(|c| c != '\n') {
            self.skip();
        }
    }

    /// After `[`: the submodule's name, `None` for a section that is of something else.
    fn section(&mut self) -> Result<Option<String>, BadLine> {
        let mut word = String::new();
        loop {
            match self.next_here() {
                Some(']') if !word.is_empty() => return Ok(None),
                Some(' ' | '\t') => break,
                Some(c) if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') => {
                    word.push(c.to_ascii_lowercase());
                }
                _ => return Err(self.bad("a section has another form")),
            }
        }
        if self.peek_after_blanks() != Some('"') {
            return Err(self.bad("a section has another form"));
        }
        self.skip();
        let mut name = String::new();
        loop {
            match self.next_here() {
                Some('"') => break,
                Some('\\') => match self.next_here() {
                    Some(c) => name.push(c),
                    _ => return Err(self.bad("a section's name has no end")),
                },
                Some(c) => name.push(c),
                _ => return Err(self.bad("a section's name has no end")),
            }
        }
        if self.next_here() != Some(']') {
            return Err(self.bad("a section has another form"));
        }
        Ok((word == "submodule").then_some(name))
    }

    /// `key = value` or a key alone.
    fn variable(&mut self) -> Result<(String, Option<String>), BadLine> {
        let mut key = String::new();
        while let Some(c) = self.peek() {
            let fits =
                c.is_ascii_alphabetic() || !key.is_empty() && (c.is_ascii_digit() || c == '-');
            if !fits {
                break;
            }
            key.push(c.to_ascii_lowercase());
            self.skip();
        }
        if key.is_empty() {
            return Err(self.bad("it is neither a section nor a key"));
        }
        while matches!(self.peek(), Some(' ' | '\t')) {
            self.skip();
        }
        match self.peek() {
            None | Some('\n') => return Ok((key, None)),
            Some('=') => self.skip(),
            Some(_) => return Err(self.bad("a key has neither value nor end")),
        }
        self.peek_after_blanks();
        Ok((key, Some(self.value()?)))
    }

    fn value(&mut self) -> Result<String, BadLine> {
        let (mut value, mut quoted) = (String::new(), false);
        // Blanks at the end do not belong to it, unless they are quoted.
        let mut kept = 0;
        loop {
            match self.peek() {
                None | Some('\n') if quoted => return Err(self.bad("a quote has no end")),
                None | Some('\n') => break,
                Some('#' | ';') if !quoted => {
                    self.comment();
                    break;
                }
                Some('"') => {
                    quoted = !quoted;
                    self.skip();
                    kept = value.len();
                    continue;
                }
                Some('\\') => {
                    self.skip();
                    match self.next() {
                        Some('\n') => {}
                        Some('t') => value.push('\t'),
                        Some('n') => value.push('\n'),
                        Some('b') => value.push('\u{8}'),
                        Some(c @ ('\\' | '"')) => value.push(c),
                        _ => return Err(self.bad("a backslash stands before something else")),
                    }
                    kept = value.len();
                    continue;
                }
                Some(' ' | '\t' | '\r') if !quoted && value.is_empty() => {}
                Some(c) => {
                    value.push(c);
                    if quoted || !matches!(c, ' ' | '\t' | '\r') {
                        kept = value.len();
                    }
                }
            }
            self.skip();
        }
        value.truncate(kept);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn submodules_are_read_as_git_writes_them() {
        let text = "# three\n[submodule \"lib\"]\n\tpath = vendor/lib ; here\n\turl = \"../lib#x.git\"\n[core]\n\tpath = x\n\
                    [Submodule \"a \\\"b\\\\\"]\r\n\tPATH = a b\\\n c \r\n\tupdate = !touch x\n\turl\n[include]\n\tpath = /etc/passwd\n\
                    [submodule \"lib\"] url = two\n";
        let read = read(text).unwrap();
        let declared = |name: &str, path: &str, url: Option<&str>| Declared {
            name: name.into(),
            path: Some(path.into()),
            url: url.map(Into::into),
        };
        let like = [
            declared("a \"b\\", "a b c", None),
            declared("lib", "vendor/lib", Some("two")),
        ];
        assert_eq!(read, like);
    }

    #[test]
    fn blanks_belong_to_a_value_inside_of_it() {
        for (value, read_as) in [
            (" \\\n\tx ", "x"),
            ("x \\\n", "x "),
            ("\" x \" # y", " x "),
            ("x\t y\r\n", "x\t y"),
            ("", ""),
        ] {
            let text = format!("[submodule \"a\"]\npath ={value}");
            assert_eq!(
                read(&text).unwrap()[0].path.as_deref(),
                Some(read_as),
                "{value:?}"
            );
        }
    }

    #[test]
    fn what_git_would_not_read_is_an_error() {
        for (text, line) in [
            ("path = x", 1),
            ("[submodule \"x]\n", 1),
            ("[submodule \"x\"\n", 1),
            ("[submodule x]\n", 1),
            ("\n[a]\n= x", 3),
            ("[a]\nb = \"x\n", 2),
            ("[a]\nb = \\x\n", 2),
            ("[a]\nb c\n", 2),
        ] {
            assert_eq!(read(text).map_err(|bad| bad.line), Err(line), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn it_says_what_the_program_says(
            text in "(\\[submodule \"[ab.]{1,2}\"\\]\n|\t(path|url|x) = [a-c ./\"\\\\#;]{0,8}\n|[a-z=\\[\\]\"#; \r]{0,6}\n){0,8}"
        ) {
            let by_program = listed_by_program(&text);
            if let (Ok(own), Some(Ok(theirs))) = (read(&text), &by_program) {
                let mut said = BTreeMap::new();
                for one in own {
                    said.insert(format!("submodule.{}.path", one.name), one.path);
                    said.insert(format!("submodule.{}.url", one.name), one.url);
                }
                for (name, value) in said {
                    let theirs = theirs.get(&name).cloned().flatten();
                    proptest::prop_assert_eq!(theirs, value, "{} of {:?}", name, text);
                }
            }
            // What it refuses is not read here either.
            if matches!(by_program, Some(Err(_))) {
                proptest::prop_assert!(read(&text).is_err(), "{:?}", text);
            }
        }
    }

    /// Values by their names.
    type Said = BTreeMap<String, Option<String>>;

    /// What `git config` makes of it, or why it refuses it; `None` where there is no program.
    #[allow(clippy::disallowed_methods, reason = "the git program is the measure")]
    fn listed_by_program(text: &str) -> Option<Result<Said, String>> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("x"), text).unwrap();
        let mut git = std::process::Command::new("git");
        git.args(["config", "--no-includes", "--list", "-z", "--file"]);
        let done = git.arg(dir.path().join("x")).output().ok()?;
        if !done.status.success() {
            return Some(Err(String::from_utf8_lossy(&done.stderr).into_owned()));
        }
        let said = String::from_utf8(done.stdout).unwrap();
        let lines = said.split('\0').filter(|line| !line.is_empty());
        let pairs = lines.map(|line| match line.split_once('\n') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (line.to_owned(), None),
        });
        Some(Ok(pairs.collect()))
    }
}
