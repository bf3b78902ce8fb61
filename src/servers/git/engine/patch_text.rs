//! Patches as people and programs write them, made into the form that libgit2 reads: every file begins with `diff --git`,
//! names are quoted, what other programs write after a name is gone. Hunks stay as they are.

/// The patch with canonical headers.
pub fn canonical(patch: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(patch.len() + 256);
    let mut head = Head::default();
    let mut hunk = Hunk::default();
    let mut lines = patch.split_inclusive(|byte| *byte == b'\n').peekable();
    let mut in_binary = false;
    while let Some(line) = lines.next() {
        if hunk.takes(line) {
            out.extend_from_slice(line);
            continue;
        }
        let text = trimmed(line);
        if let Some(names) = text.strip_prefix(b"diff --git ") {
            head.flush(&mut out);
            in_binary = false;
            head = Head {
                git: Some(names.to_vec()),
                ..Head::default()
            };
        } else if text.starts_with(b"--- ")
            && lines.peek().is_some_and(|next| next.starts_with(b"+++ "))
        {
            if head.old.is_some() || in_binary {
                head.flush(&mut out);
                head = Head::default();
            }
            in_binary = false;
            head.old = text.strip_prefix(b"--- ").map(name);
            head.new = lines
                .next()
                .and_then(|next| trimmed(next).strip_prefix(b"+++ "))
                .map(name);
        } else if text.starts_with(b"@@ ") {
            head.flush(&mut out);
            hunk = Hunk::of(text);
            out.extend_from_slice(line);
        } else if text == b"GIT binary patch" {
            head.flush(&mut out);
            in_binary = true;
            out.extend_from_slice(line);
        } else if in_binary || text.starts_with(b"\\ ") {
            out.extend_from_slice(line);
        } else if head.git.is_some() {
            head.more.push(text.to_vec());
        }
    }
    head.flush(&mut out);
    out
}

/// What stands before the first hunk of a file.
#[derive(Default)]
struct Head {
    /// What follows `diff --git`.
    git: Option<Vec<u8>>,
    /// Modes, renames, index lines.
    more: Vec<Vec<u8>>,
    old: Option<Vec<u8>>,
    new: Option<Vec<u8>>,
}

impl Head {
    /// Writes it out, and is empty then.
    fn flush(&mut self, out: &mut Vec<u8>) {
        let head = std::mem::take(self);
        let Some((old, new)) = head.names() else {
            return;
        };
        let (from, to) = (prefixed(b"a/", &old), prefixed(b"b/", &new));
        put(out, b"diff --git ", &[&from[..], b" ", &to[..]].concat());
        let null = |name: &Option<Vec<u8>>| name.as_deref() == Some(b"/dev/null");
        if head.git.is_none() && null(&head.old) {
            put(out, b"new file mode 100644", b"");
        }
        if head.git.is_none() && null(&head.new) {
            put(out, b"deleted file mode 100644", b"");
        }
        for line in &head.more {
            let renamed = [
                &b"rename from "[..],
                b"rename to ",
                b"copy from ",
                b"copy to ",
            ]
            .into_iter()
            .find_map(|start| line.strip_prefix(start).map(|name| (start, name)));
            match renamed {
                Some((start, name)) => put(out, start, &quoted(name)),
                None => put(out, line, b""),
            }
        }
        if head.old.is_some() {
            put(
                out,
                b"--- ",
                if null(&head.old) { b"/dev/null" } else { &from },
            );
            put(
                out,
                b"+++ ",
                if null(&head.new) { b"/dev/null" } else { &to },
            );
        }
    }

    /// The old and the new path.
    fn names(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let line = |start: &[u8]| {
            self.more
                .iter()
                .find_map(|line| line.strip_prefix(start))
                .map(<[u8]>::to_vec)
        };
        let moved = |word: &str| {
            let part = |way: &str| line(format!("{word} {way} ").as_bytes());
            part("from").zip(part("to"))
        };
        if let Some(names) = moved("rename").or_else(|| moved("copy")) {
            return Some(names);
        }
        let side = |name: &Option<Vec<u8>>, prefix: &[u8]| {
            let name = name.as_deref().filter(|name| *name != b"/dev/null")?;
            Some(unprefixed(prefix, name))
        };
        let (old, new) = (side(&self.old, b"a/"), side(&self.new, b"b/"));
        match (old, new) {
            (Some(old), Some(new)) => Some((old, new)),
            (Some(one), None) | (None, Some(one)) => Some((one.clone(), one)),
            (None, None) => self.git.as_deref().and_then(halves),
        }
    }
}

/// The two names of `a/<name> b/<name>`, which are the same where nothing else says them.
fn halves(names: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (old, rest) = names.split_at_checked(names.len() / 2)?;
    let new = rest.strip_prefix(b" ")?;
    let (old, new) = (unprefixed(b"a/", old), unprefixed(b"b/", new));
    (old == new).then_some((old, new))
}

/// A name without the time that other programs write after a tab.
fn name(text: &[u8]) -> Vec<u8> {
    text.split(|byte| *byte == b'\t')
        .next()
        .unwrap_or_default()
        .to_vec()
}

/// `a/x` for `x`, also within quotes.
fn unprefixed(prefix: &[u8], name: &[u8]) -> Vec<u8> {
    if let Some(inner) = name.strip_prefix(b"\"") {
        let inner = inner.strip_prefix(prefix).unwrap_or(inner);
        return [b"\"", inner].concat();
    }
    name.strip_prefix(prefix).unwrap_or(name).to_vec()
}

fn prefixed(prefix: &[u8], name: &[u8]) -> Vec<u8> {
    match name.strip_prefix(b"\"") {
        Some(inner) => [b"\"", prefix, inner].concat(),
        None => quoted(&[prefix, name].concat()),
    }
}

/// Quoted where it has to be.
fn quoted(name: &[u8]) -> Vec<u8> {
    if name.starts_with(b"\"") || !name.contains(&b' ') {
        return name.to_vec();
    }
    let mut out = vec![b'"'];
    for byte in name {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
    out
}

fn put(out: &mut Vec<u8>, start: &[u8], rest: &[u8]) {
    out.extend_from_slice(start);
    out.extend_from_slice(rest);
    out.push(b'\n');
}

/// A line without its end.
fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Lines that the hunk at hand still holds, whatever they look like.
#[derive(Default)]
struct Hunk {
    old: u64,
    new: u64,
}

impl Hunk {
    /// `@@ -<line>[,<count>] +<line>[,<count>] @@`.
    fn of(line: &[u8]) -> Self {
        let text = String::from_utf8_lossy(line);
        let mut words = text.split(' ').skip(1);
        let mut count = || {
            let word = words.next()?.get(1..)?;
            word.split_once(',')
                .map_or(Some(1), |(_, count)| count.parse().ok())
        };
        Self {
            old: count().unwrap_or(0),
            new: count().unwrap_or(0),
        }
    }

    fn takes(&mut self, line: &[u8]) -> bool {
        if self.old == 0 && self.new == 0 {
            return false;
        }
        match line.first() {
            Some(b'-') => self.old = self.old.saturating_sub(1),
            Some(b'+') => self.new = self.new.saturating_sub(1),
            Some(b'\\') => {}
            _ => {
                self.old = self.old.saturating_sub(1);
                self.new = self.new.saturating_sub(1);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(patch: &str) -> String {
        String::from_utf8(canonical(patch.as_bytes())).unwrap()
    }

    #[test]
    fn headers_become_those_of_git_and_hunks_stay() {
        let hunk = "@@ -1,2 +1,2 @@ fn\n--- x\n+++ y\n z\n";
        assert_eq!(
            read(&format!(
                "Hello\n--- a/x y\t2026-01-01\n+++ b/x y\t2026\r\n{hunk}"
            )),
            format!("diff --git \"a/x y\" \"b/x y\"\n--- \"a/x y\"\n+++ \"b/x y\"\n{hunk}")
        );
        assert_eq!(
            read(&format!(
                "--- /dev/null\n+++ b/x\n{hunk}--- a/y\n+++ /dev/null\n{hunk}"
            )),
            format!(
                "diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n{hunk}\
                 diff --git a/y b/y\ndeleted file mode 100644\n--- a/y\n+++ /dev/null\n{hunk}"
            )
        );
        let moved = "diff --git a/o n b/n\nsimilarity index 100%\nrename from o n\nrename to n\n";
        assert_eq!(
            read(moved),
            "diff --git \"a/o n\" b/n\nsimilarity index 100%\nrename from \"o n\"\nrename to n\n"
        );
        let mode = "diff --git a/a b b/a b\nold mode 100644\nnew mode 100755\n";
        assert_eq!(
            read(mode),
            mode.replace("a/a b b/a b", "\"a/a b\" \"b/a b\"")
        );
        let fine = format!(
            "diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n{hunk}\\ No newline at end of file\n"
        );
        assert_eq!(read(&fine), fine);
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic(patch in "(diff --git a/x b/x\n|--- a/x\n|\\+\\+\\+ b/x\n|@@ -1,2 \\+1 @@\n|[-+ \\\\@a\"]{0,6}\n){0,12}") {
            canonical(patch.as_bytes());
        }

        #[test]
        fn what_is_canonical_stays(patch in "(diff --git a/x b/x\n--- a/x\n\\+\\+\\+ b/x\n@@ -1 \\+1 @@\n-[a-z]{0,3}\n\\+[a-z]{0,3}\n){0,4}") {
            proptest::prop_assert_eq!(canonical(patch.as_bytes()), patch.as_bytes());
        }
    }
}
