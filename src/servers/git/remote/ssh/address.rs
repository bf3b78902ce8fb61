//! Addresses of repositories that are gone to by ssh.

use std::{fmt, net::Ipv6Addr};

/// ssh's own port.
pub(super) const PORT: u16 = 22;
/// Longest name of a host (RFC 1035, section 2.3.4) or user.
const MAX_NAME: usize = 253;

/// `ssh://[user@]host[:port]/path`, of which nothing can be taken for an option or for more than one word: not by git, not by
/// ssh, and not by a line of ssh's config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Who to be there.
    pub user: Option<String>,
    /// A name or an IP address in lower case, one of IPv6 in brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// From the root, or as `/~/…` from the user's home.
    path: String,
}

/// Why a text is no such address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// It says more than who and where.
    #[error("has a password in it: keep a key with git_credential and name that instead")]
    Password,
    /// It names nobody that can be.
    #[error("must name a user of letters, digits and . _ + -, not beginning with a dash")]
    User,
    /// It names no host.
    #[error("must name a host of letters, digits, dots and dashes, not beginning with a dash")]
    Host,
    /// Its port is none.
    #[error("must have a port from 1 to 65535, or none")]
    Port,
    /// It names no repository.
    #[error(
        "must name a path of letters, digits and . _ ~ + = , : / -, no part of it beginning with a dash"
    )]
    Path,
}

impl Address {
    /// Reads `ssh://…` or the short form `[user@]host:path`, whose path is taken from the root as all forges do, from the
    /// user's home if it begins with `~`. `None` if `text` is of neither form.
    pub fn read(text: &str) -> Option<Result<Self, BadAddress>> {
        if let Some(rest) = text.strip_prefix("ssh://") {
            let at = rest.find('/').unwrap_or(rest.len());
            let (authority, path) = rest.split_at_checked(at)?;
            return Some(Self::of(authority, path.to_owned(), true));
        }
        let (authority, path) = short(text)?;
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        Some(Self::of(authority, path, false))
    }

    fn of(authority: &str, path: String, with_port: bool) -> Result<Self, BadAddress> {
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, _)) if user.contains(':') => return Err(BadAddress::Password),
            Some((user, place)) => (Some(user), place),
            None => (None, authority),
        };
        if user.is_some_and(|user| !is_user(user)) {
            return Err(BadAddress::User);
        }
        let at = place.find(']').map_or(0, |bracket| bracket + 1);
        let (host, port) = match place.get(at..).and_then(|rest| rest.find(':')) {
            Some(colon) if with_port => place.split_at_checked(at + colon).unwrap_or((place, "")),
            _ => (place, ""),
        };
        let host = host.to_ascii_lowercase();
        if !is_host(&host) {
            return Err(BadAddress::Host);
        }
        let port = match port.strip_prefix(':') {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| BadAddress::Port)?
            }
            Some(_) => return Err(BadAddress::Port),
            None => PORT,
        };
        if port == 0 {
            return Err(BadAddress::Port);
        }
        if !is_path(&path) {
            return Err(BadAddress::Path);
        }
        Ok(Self {
            user: user.map(str::to_owned),
            host,
            port,
            path,
        })
    }

    /// The host, with its port if it is not ssh's own.
    pub fn authority(&self) -> String {
        if self.port == PORT {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The host without brackets.
    pub fn bare_host(&self) -> &str {
        self.host.trim_matches(['[', ']'])
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ssh://")?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        write!(f, "{}{}", self.authority(), self.path)
    }
}

/// `[user@]host` and the path of the short form, as git tells it from other addresses and from paths: by a colon before any
/// slash.
fn short(text: &str) -> Option<(&str, &str)> {
    let from = text.find("@[").map_or(0, |at| at + 1);
    let host = text.get(from..)?;
    let colon = if host.starts_with('[') {
        from + host.find("]:")? + 1
    } else {
        text.find(':')?
    };
    let (authority, rest) = text.split_at_checked(colon)?;
    let path = rest.strip_prefix(':')?;
    // `scheme://…`, and `transport::…`, which runs a program.
    let other = path.starts_with("//") || path.starts_with(':');
    (!other && !authority.contains('/')).then_some((authority, path))
}

/// Whether somebody can be called so.
pub fn is_user(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    (1..=MAX_NAME).contains(&name.len()) && !name.starts_with('-') && name.chars().all(fits)
}

fn is_host(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        let address = rest.strip_suffix(']');
        return address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (1..=MAX_NAME).contains(&host.len()) && !host.starts_with(['-', '.']) && host.chars().all(fits)
}

/// git decodes `%`, a shell at the other end reads the rest: neither has anything to do here.
fn is_path(path: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || "._~+=,:/-".contains(c);
    path.len() > 1 && path.chars().all(fits) && !path.contains("/-")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<Result<String, BadAddress>> {
        Address::read(text).map(|read| read.map(|address| address.to_string()))
    }

    #[test]
    fn both_forms_are_read_and_one_is_shown() {
        for (text, shown) in [
            (
                "ssh://git@forge.example/a/b.git",
                "ssh://git@forge.example/a/b.git",
            ),
            (
                "ssh://git@Forge.Example:22/a.git",
                "ssh://git@forge.example/a.git",
            ),
            (
                "ssh://forge.example:2222/a.git",
                "ssh://forge.example:2222/a.git",
            ),
            (
                "ssh://git@forge.example/~/a.git",
                "ssh://git@forge.example/~/a.git",
            ),
            (
                "ssh://git@forge.example/~ann/a.git",
                "ssh://git@forge.example/~ann/a.git",
            ),
            ("ssh://git@[::1]:2222/a", "ssh://git@[::1]:2222/a"),
            (
                "git@forge.example:a/b.git",
                "ssh://git@forge.example/a/b.git",
            ),
            (
                "git@forge.example:/srv/b.git",
                "ssh://git@forge.example/srv/b.git",
            ),
            (
                "git@forge.example:~/b.git",
                "ssh://git@forge.example/~/b.git",
            ),
            ("forge.example:b.git", "ssh://forge.example/b.git"),
            ("git@[::1]:b.git", "ssh://git@[::1]/b.git"),
            ("[::1]:b.git", "ssh://[::1]/b.git"),
            // The short form has no port.
            (
                "git@forge.example:2222/b.git",
                "ssh://git@forge.example/2222/b.git",
            ),
        ] {
            assert_eq!(read(text), Some(Ok(shown.to_owned())), "{text}");
        }
    }

    #[test]
    fn what_could_be_taken_for_something_else_is_refused() {
        use BadAddress::*;
        for (text, why) in [
            ("ssh://git:secret@forge.example/a", Password),
            ("git:secret@forge.example:a", Path),
            ("ssh://-oProxyCommand=x/a", Host),
            ("ssh://git@-oProxyCommand=x/a", Host),
            ("-oProxyCommand=x:a", Host),
            ("ssh://-l@forge.example/a", User),
            ("ssh://a b@forge.example/a", User),
            ("ssh://@forge.example/a", User),
            ("git@forge.example:-x", Path),
            ("ssh://git@forge.example/-x/a", Path),
            ("ssh://git@forge.example/a%0ab", Path),
            ("ssh://git@forge.example/a'b", Path),
            ("ssh://git@forge.example/a b", Path),
            ("ssh://git@forge.example/a\nProxyCommand x", Path),
            ("ssh://git@forge.example/a?x", Path),
            ("ssh://git@forge.example/", Path),
            ("ssh://git@forge.example", Path),
            ("git@forge.example:", Path),
            ("ssh://git@for%67e.example/a", Host),
            ("ssh://git@forge.example\n/a", Host),
            ("ssh:///a", Host),
            ("ssh://git@[::1/a", Host),
            ("ssh://git@[x]/a", Host),
            ("ssh://forge.example:0/a", Port),
            ("ssh://forge.example:65536/a", Port),
            ("ssh://forge.example:/a", Port),
            ("ssh://forge.example:+22/a", Port),
            ("C:\\repos\\a", Path),
        ] {
            assert_eq!(read(text), Some(Err(why)), "{text}");
        }
        for other in [
            "https://x/y",
            "ext::sh -c x",
            "fd::17",
            "/etc/passwd",
            "./a:b",
            "file:///etc",
            "main",
            "",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_harmless_and_reads_as_itself(text in "(ssh://)?[-a-zA-Z0-9@:/.~%'\"\\[\\] \n$]{0,40}") {
            if let Some(Ok(address)) = Address::read(&text) {
                let shown = address.to_string();
                prop_assert_eq!(Address::read(&shown), Some(Ok(address.clone())));
                let quotes = |c: char| c.is_whitespace() || "'\"\\%$`;#".contains(c);
                prop_assert!(!shown.contains(quotes) && !shown.contains("/-") && !shown.contains("@-"), "{}", shown);
                prop_assert!(crate::servers::git::cli::Word::url(&shown).is_ok(), "{}", shown);
            }
        }

        #[test]
        fn every_plain_address_is_read(user in "[a-z][a-z0-9._-]{0,8}", host in "[a-z0-9][a-z0-9.-]{0,12}", port in 1_u16.., path in "(/[a-z0-9._~][a-z0-9._~+-]{0,8}){1,4}") {
            let text = format!("ssh://{user}@{host}:{port}{path}");
            let address = Address::read(&text).unwrap().unwrap();
            prop_assert_eq!((address.user.as_deref(), &*address.host, address.port), (Some(&*user), &*host, port));
            let short = format!("{user}@{host}:{}", path.trim_start_matches('/'));
            let own = Address { port: PORT, ..address };
            prop_assert_eq!(Address::read(&short), Some(Ok(own)));
        }
    }
}
