//! What opens a repository by ssh: a private key, and the keys by which its host is known.

use ring::hmac;
use serde::{Deserialize, Serialize};
use ssh_key::{
    HashAlg, LineEnding, PrivateKey, PublicKey,
    known_hosts::HostPatterns,
    public::{KeyData, RsaPublicKey},
};

use super::Address;

/// Bits of the smallest RSA key that is taken (NIST SP 800-131A).
const MIN_RSA_BITS: usize = 2_048;
/// Keys of a host that are kept.
const MAX_HOST_KEYS: usize = 20;

/// Why a private key cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Nobody is there to be asked for its passphrase.
    #[error("is encrypted, and nobody is there to be asked for its passphrase")]
    Encrypted,
    /// It is of another form.
    #[error(
        "is no private key of OpenSSH's form: it begins with -----BEGIN OPENSSH PRIVATE KEY-----"
    )]
    Malformed,
    /// It is none that can be trusted, or used.
    #[error("is {0}: make one with ssh-keygen -t ed25519")]
    Weak(String),
}

/// Why a host cannot be known by what was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadHosts {
    /// A line is of another form.
    #[error(
        "line {0} is no key of a host: each is `ssh-ed25519 AAAA…`, with or without the host's name before it"
    )]
    Malformed(usize),
    /// A line says more than which key a host has.
    #[error(
        "line {0} is a certificate authority, a revocation or a pattern: give the host's own keys"
    )]
    Marked(usize),
    /// A line has a key that is not to be relied on.
    #[error("line {0} has {1}")]
    Weak(usize, String),
    /// All lines are of others.
    #[error("has no key of {0}")]
    Strangers(String),
    /// More than any host has.
    #[error("has more than {MAX_HOST_KEYS} keys of the host")]
    TooMany,
}

/// A private key that was looked at.
#[derive(Debug)]
pub struct Key(PrivateKey);

impl Key {
    /// Reads an OpenSSH private key without a passphrase.
    pub fn read(text: &str) -> Result<Self, BadKey> {
        let key = PrivateKey::from_openssh(text.trim()).map_err(|_| BadKey::Malformed)?;
        if key.is_encrypted() {
            return Err(BadKey::Encrypted);
        }
        match weakness(key.public_key().key_data()) {
            Some(why) => Err(BadKey::Weak(why)),
            None => Ok(Self(key)),
        }
    }

    /// Its public half's fingerprint, `SHA256:…`.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }
}

/// The keys by which a host is known, each as `ssh-ed25519 AAAA…`.
pub fn host_keys(text: &str, host: &Address) -> Result<Vec<String>, BadHosts> {
    let mut keys = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with('@') {
            return Err(BadHosts::Marked(number));
        }
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let named = !words.first().is_some_and(|word| is_algorithm(word));
        let patterns = named.then(|| words.remove(0));
        let [algorithm, key, ..] = words[..] else {
            return Err(BadHosts::Malformed(number));
        };
        let text = format!("{algorithm} {key}");
        let key = PublicKey::from_openssh(&text).map_err(|_| BadHosts::Malformed(number))?;
        if !patterns.map_or(Ok(true), |patterns| means(patterns, host, number))? {
            continue;
        }
        if let Some(why) = weakness(key.key_data()) {
            return Err(BadHosts::Weak(number, why));
        }
        if keys.len() == MAX_HOST_KEYS {
            return Err(BadHosts::TooMany);
        }
        keys.push(text);
    }
    if keys.is_empty() {
        return Err(BadHosts::Strangers(host.authority()));
    }
    Ok(keys)
}

fn is_algorithm(word: &str) -> bool {
    ["ssh-", "ecdsa-sha2-", "sk-"]
        .iter()
        .any(|start| word.starts_with(start))
}

/// Whether the names that begin a line of known_hosts are of `host`: as they are, or hashed.
fn means(names: &str, host: &Address, number: usize) -> Result<bool, BadHosts> {
    let own = if host.port == super::address::PORT {
        host.bare_host().to_owned()
    } else {
        format!("[{}]:{}", host.bare_host(), host.port)
    };
    match names.parse() {
        Ok(HostPatterns::HashedName { salt, hash }) => {
            let salt = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
            Ok(hmac::verify(&salt, own.as_bytes(), &hash).is_ok())
        }
        Ok(HostPatterns::Patterns(names)) => {
            if names.iter().any(|name| name.contains(['*', '?', '!'])) {
                return Err(BadHosts::Marked(number));
            }
            Ok(names.iter().any(|name| name.eq_ignore_ascii_case(&own)))
        }
        Err(_) => Err(BadHosts::Malformed(number)),
    }
}

/// Why a key is not to be relied on, if it is not.
fn weakness(key: &KeyData) -> Option<String> {
    match key {
        KeyData::Ed25519(_) | KeyData::Ecdsa(_) => None,
        KeyData::Rsa(key) if bits(key) >= MIN_RSA_BITS => None,
        KeyData::Rsa(key) => Some(format!(
            "an RSA key of {} bits, fewer than {MIN_RSA_BITS}",
            bits(key)
        )),
        KeyData::Dsa(_) => Some("a DSA key, which nobody takes any more".to_owned()),
        _ => Some("a key of a kind that cannot be used here".to_owned()),
    }
}

fn bits(key: &RsaPublicKey) -> usize {
    let modulus = key.n.as_positive_bytes().unwrap_or_default();
    let leading = modulus.first().map_or(0, |byte| byte.leading_zeros());
    (modulus.len() * 8).saturating_sub(leading as usize)
}

/// What is sealed of a key: with the host's keys, so that nobody who changes the database can stand in for the host.
#[derive(Serialize, Deserialize)]
pub struct Keys {
    private_key: String,
    host_keys: Vec<String>,
}

impl Keys {
    /// A key, and those of its host.
    pub fn new(key: &Key, host_keys: Vec<String>) -> Result<Self, ssh_key::Error> {
        Ok(Self {
            private_key: key.0.to_openssh(LineEnding::LF)?.to_string(),
            host_keys,
        })
    }

    /// The private key, as OpenSSH reads it.
    pub fn private_key(&self) -> &str {
        &self.private_key
    }

    /// known_hosts that has these keys for `name` and nothing else.
    pub fn known_hosts(&self, name: &str) -> String {
        let lines = self.host_keys.iter();
        lines.map(|key| format!("{name} {key}\n")).collect()
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

#[cfg(test)]
pub mod tests {
    use super::{super::samples::*, *};

    /// A key with that of a host.
    pub fn kept() -> Keys {
        let keys = host_keys(ED25519_PUBLIC, &host("forge.example")).unwrap();
        Keys::new(&Key::read(ED25519).unwrap(), keys).unwrap()
    }

    fn host(address: &str) -> Address {
        Address::read(&format!("ssh://{address}/x"))
            .unwrap()
            .unwrap()
    }

    #[test]
    fn keys_that_open_something_are_taken_and_others_are_told_why_not() {
        let key = Key::read(ED25519).unwrap();
        // As ssh-keygen -l says it.
        let fingerprint = "SHA256:CeqdWpjpygYKmzoODB08z1c+yFyKt0O1uBXjVGTuHX0";
        assert_eq!(key.fingerprint(), fingerprint);
        assert!(Key::read(ECDSA).is_ok());
        let windows = ED25519.trim().replace('\n', "\r\n");
        assert_eq!(Key::read(&windows).unwrap().fingerprint(), fingerprint);
        let read = |text: &str| Key::read(text).unwrap_err();
        assert_eq!(read(ENCRYPTED), BadKey::Encrypted);
        assert!(matches!(read(RSA_1024), BadKey::Weak(why) if why.contains("1024 bits")));
        for other in [
            "",
            "secret",
            ED25519_PUBLIC,
            &ED25519[..200],
            "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----",
        ] {
            assert_eq!(read(other), BadKey::Malformed, "{other}");
        }
    }

    #[test]
    fn a_key_is_sealed_as_openssh_reads_it_and_shown_to_nobody() {
        let kept = kept();
        assert_eq!(kept.private_key(), ED25519);
        let own = ED25519_PUBLIC.rsplit_once(' ').unwrap().0;
        assert_eq!(
            kept.known_hosts("forge.example"),
            format!("forge.example {own}\n")
        );
        assert_eq!(format!("{kept:?}"), "Keys { .. }");
    }

    #[test]
    fn lines_of_the_host_are_kept_and_those_of_others_left_out() {
        let (first, second) = (ED25519_PUBLIC.trim(), ECDSA_PUBLIC.trim());
        let count =
            |text: &str, address: &str| host_keys(text, &host(address)).map(|keys| keys.len());
        let scan = format!(
            "# forge.example:22 SSH-2.0\nforge.example {first}\n\nother.example,forge.example {second}\n"
        );
        assert_eq!(count(&scan, "forge.example"), Ok(2));
        assert_eq!(count(&scan, "Other.example"), Ok(1));
        assert_eq!(
            count(&scan, "forge.example:2222"),
            Err(BadHosts::Strangers("forge.example:2222".into()))
        );
        assert_eq!(
            count(&format!("{first}\n{second}"), "any.example:99"),
            Ok(2)
        );
        assert_eq!(count(&format!("[::1]:2222 {first}"), "[::1]:2222"), Ok(1));
        assert_eq!(count(&format!("::1 {first}"), "[::1]"), Ok(1));
        let hashed = |address: &str| host_keys(HASHED, &host(address));
        assert!(hashed("forge.example:2222").unwrap()[0].starts_with("ssh-ed25519 "));
        assert!(hashed("forge.example").unwrap()[0].starts_with("ecdsa-sha2-nistp256 "));
        assert!(hashed("other.example").is_err());
    }

    #[test]
    fn lines_that_say_more_or_less_than_a_key_are_refused() {
        let first = ED25519_PUBLIC.trim();
        let read = |text: &str| host_keys(text, &host("forge.example")).unwrap_err();
        for text in [
            "x",
            "forge.example ssh-ed25519",
            "ssh-ed25519 AAAA",
            "|1|x| ssh-ed25519 AAAA",
            "forge.example ssh-nothing AAAA",
        ] {
            assert_eq!(read(text), BadHosts::Malformed(1), "{text}");
        }
        for start in [
            "@cert-authority forge.example",
            "@revoked forge.example",
            "*.example",
            "forge.example,!x",
        ] {
            assert_eq!(
                read(&format!("\n{start} {first}")),
                BadHosts::Marked(2),
                "{start}"
            );
        }
        assert!(matches!(read(RSA_1024_PUBLIC), BadHosts::Weak(1, _)));
        assert!(matches!(read(""), BadHosts::Strangers(_)));
        assert_eq!(
            read(&format!("{first}\n").repeat(MAX_HOST_KEYS + 1)),
            BadHosts::TooMany
        );
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_for_ssh_is_one_key_a_line(text in "([ -~]{0,20}(ssh-ed25519|ssh-rsa)? ?[A-Za-z0-9+/=#@|]{0,30}\n){0,3}") {
            if let Ok(keys) = host_keys(&text, &host("forge.example")) {
                for key in keys {
                    proptest::prop_assert_eq!(key.split(' ').count(), 2);
                    proptest::prop_assert!(!key.contains(char::is_control));
                }
            }
        }
    }
}
