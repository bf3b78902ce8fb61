//! Operands of a command line that cannot be taken for an option, a range or a path.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
};

use git2::{Oid, Reference};

/// What was given is no name that the program may be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} may not be passed to git")]
pub struct BadWord(pub String);

/// One operand. There is no way to make one of any text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word(OsString);

impl Word {
    /// An object by its whole id.
    pub fn object(id: Oid) -> Self {
        Self(id.to_string().into())
    }

    /// What `id` reaches is left out.
    pub fn not(id: Oid) -> Self {
        Self(format!("^{id}").into())
    }

    /// A whole reference name, such as `refs/heads/main`, or `HEAD`.
    pub fn reference(name: &str) -> Result<Self, BadWord> {
        check_reference(name)?;
        Ok(Self(name.into()))
    }

    /// `HEAD`.
    pub fn head() -> Self {
        Self("HEAD".into())
    }

    /// The remote `origin`, by its name.
    pub fn origin() -> Self {
        Self("origin".into())
    }

    /// Every reference below a whole name, as `refs/heads/*`.
    pub fn below(prefix: &str) -> Result<Self, BadWord> {
        let name = format!("{prefix}/*");
        check_reference(&format!("{prefix}/x"))?;
        Ok(Self(name.into()))
    }

    /// `[+]<from>:<to>`; an empty `from` deletes. Each side is a word made by [`Word::object`], [`Word::reference`] or
    /// [`Word::below`].
    pub fn refspec(force: bool, from: Option<&Word>, to: &Word) -> Self {
        let mut text = OsString::from(if force { "+" } else { "" });
        if let Some(from) = from {
            text.push(&from.0);
        }
        text.push(":");
        text.push(&to.0);
        Self(text)
    }

    /// An address with a scheme, `https://…` or `ssh://…`. Forms without one (`host:path`, `ext::command`, local paths)
    /// are refused; which schemes and hosts are allowed is the caller's concern.
    pub fn url(url: &str) -> Result<Self, BadWord> {
        let bad = || BadWord(super::scrub::credentials(url));
        let (scheme, rest) = url.split_once("://").ok_or_else(bad)?;
        let plain = !scheme.is_empty()
            && scheme
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        // ssh would take a host that starts with a dash for an option.
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        let fits = plain
            && !rest.is_empty()
            && !rest.starts_with('-')
            && !host.starts_with('-')
            && !url.chars().any(|c| c.is_control() || c.is_whitespace());
        if fits {
            Ok(Self(url.into()))
        } else {
            Err(bad())
        }
    }

    /// An absolute path of our own.
    pub(super) fn directory(path: &Path) -> Self {
        Self(path.into())
    }

    /// Whether it is an object's id, which no command takes for an option.
    pub(super) fn is_object(&self) -> bool {
        let text = self.0.as_encoded_bytes();
        text.strip_prefix(b"^")
            .unwrap_or(text)
            .iter()
            .all(u8::is_ascii_hexdigit)
    }

    /// As the program is told it.
    pub fn as_os_str(&self) -> &OsStr {
        &self.0
    }
}

fn check_reference(name: &str) -> Result<(), BadWord> {
    let whole = name == "HEAD" || name.starts_with("refs/");
    if whole && !name.contains("/-") && Reference::is_valid_name(name) {
        Ok(())
    } else {
        Err(BadWord(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_and_harmless_names_are_words() {
        for fine in ["HEAD", "refs/heads/main", "refs/tags/v1.0"] {
            assert!(Word::reference(fine).is_ok(), "{fine}");
        }
        for bad in [
            "main",
            "-x",
            "--all",
            "refs/heads/-x",
            "refs/heads/a..b",
            "refs/heads/a b",
            "^HEAD",
            "refs/heads/a:b",
            "",
            "@{-1}",
        ] {
            assert!(Word::reference(bad).is_err(), "{bad:?}");
        }
        let branch = Word::reference("refs/heads/main").unwrap();
        assert_eq!(
            Word::refspec(true, Some(&branch), &branch).as_os_str(),
            "+refs/heads/main:refs/heads/main"
        );
        assert_eq!(
            Word::below("refs/heads").unwrap().as_os_str(),
            "refs/heads/*"
        );
        assert!(Word::below("--x").is_err());
    }

    #[test]
    fn only_addresses_with_a_scheme_are_urls() {
        for fine in [
            "https://host/a.git",
            "ssh://git@host:22/a.git",
            "ssh://git@[::1]/a.git",
            "http://127.0.0.1:9/x",
        ] {
            assert!(Word::url(fine).is_ok(), "{fine}");
        }
        for bad in [
            "ext::sh -c x",
            "ext::https://host",
            "https::ssh://host",
            "host:path",
            "/etc",
            "-u://x",
            "--upload-pack=x://y",
            "ssh://-oProxyCommand=x/y",
            "ssh://a@-oProxyCommand=x/y",
            "https://",
            "https://a b",
            "https://a\nb",
            "fd::17",
        ] {
            assert!(Word::url(bad).is_err(), "{bad:?}");
        }
        let said = Word::url("https://ann:hunter2@a b")
            .unwrap_err()
            .to_string();
        assert!(!said.contains("hunter2"), "{said}");
    }

    proptest::proptest! {
        #[test]
        fn no_word_looks_like_an_option(text in "[-a-z/:@^+~. ]{0,20}") {
            for word in [Word::reference(&text), Word::below(&text), Word::url(&text)].into_iter().flatten() {
                proptest::prop_assert!(!word.as_os_str().as_encoded_bytes().starts_with(b"-"));
            }
        }
    }
}
