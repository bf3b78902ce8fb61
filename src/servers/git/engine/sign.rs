//! Signing commits with SSH keys, and checking who signed one.
//!
//! The form is OpenSSH's `PROTOCOL.sshsig` in the namespace `git`, as `git commit -S` makes it with `gpg.format=ssh`.

use git2::{ErrorCode, Oid, Repository};
use schemars::JsonSchema;
use serde::Serialize;
use ssh_key::{
    Algorithm, Fingerprint, HashAlg, LineEnding, PrivateKey, PublicKey, SshSig,
    private::{Ed25519Keypair, KeypairData},
};

use super::Error;

/// What keys sign here, so that no signature made elsewhere passes for one of a commit.
const NAMESPACE: &str = "git";
/// Begins a signature of this kind.
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";

/// A key that cannot sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// It is none.
    #[error("is no private key in OpenSSH's format ({0})")]
    Malformed(String),
    /// A passphrase is on it.
    #[error("is encrypted: take the passphrase off (ssh-keygen -p), it is kept sealed here")]
    Encrypted,
    /// It is of another kind.
    #[error("is of the kind {0}: only ssh-ed25519 keys sign (ssh-keygen -t ed25519)")]
    Kind(String),
}

/// A key that signs.
#[derive(Debug, Clone)]
pub struct SigningKey(PrivateKey);

impl SigningKey {
    /// A key that nobody has yet.
    pub fn generate(comment: &str) -> Result<Self, getrandom::Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        let mut key = PrivateKey::from(Ed25519Keypair::from_seed(&seed));
        key.set_comment(comment);
        Ok(Self(key))
    }

    /// The key in a file of `ssh-keygen`.
    pub fn read(text: &str) -> Result<Self, BadKey> {
        let key =
            PrivateKey::from_openssh(text).map_err(|error| BadKey::Malformed(error.to_string()))?;
        match key.key_data() {
            KeypairData::Ed25519(_) => Ok(Self(key)),
            _ if key.is_encrypted() => Err(BadKey::Encrypted),
            _ => Err(BadKey::Kind(key.algorithm().to_string())),
        }
    }

    /// As `ssh-keygen` would write it.
    pub fn text(&self) -> Result<String, ssh_key::Error> {
        Ok(self.0.to_openssh(LineEnding::LF)?.to_string())
    }

    /// The half that everybody may know.
    pub fn public(&self) -> Result<String, ssh_key::Error> {
        self.0.public_key().to_openssh()
    }

    /// `SHA256:…`
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    /// A commit's text with its signature in it.
    pub(super) fn sign(&self, commit: &[u8]) -> Result<Vec<u8>, Error> {
        let signature = self
            .0
            .sign(NAMESPACE, HashAlg::Sha512, commit)
            .and_then(|signature| signature.to_pem(LineEnding::LF))
            .map_err(|error| git2::Error::from_str(&error.to_string()))?;
        // Headers end with the first empty line; a header of many lines goes on after a space.
        let end = commit.windows(2).position(|two| two == b"\n\n");
        let (headers, message) = commit.split_at(end.map_or(commit.len(), |end| end + 1));
        let header = format!("gpgsig {}\n", signature.trim_end().replace('\n', "\n "));
        Ok([headers, header.as_bytes(), message].concat())
    }
}

/// What a commit says of who signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    signature: String,
    text: Vec<u8>,
    /// When it was committed, in seconds since the Unix epoch.
    at: i64,
}

/// The signature of a commit, if it has one.
pub fn signed(repository: &Repository, commit: Oid) -> Result<Option<Signed>, Error> {
    match repository.extract_signature(&commit, None) {
        Ok((signature, text)) => Ok(Some(Signed {
            signature: String::from_utf8_lossy(&signature).into_owned(),
            text: text.to_vec(),
            at: repository.find_commit(commit)?.time().seconds(),
        })),
        Err(none) if matches!(none.code(), ErrorCode::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What is to be held of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Verdict {
    /// Made by a key of this project, while that was in use.
    Good,
    /// Made by the key that it names, which is none of this project's, or was not any more.
    UnknownKey,
    /// Not made of this commit: it or the signature was changed.
    Bad,
    /// Of a kind that is not checked here, such as OpenPGP.
    Unchecked,
}

/// Who signed a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Checked {
    /// Whether it holds.
    pub status: Verdict,
    /// Fingerprint of the key that it names, as in git_signing_key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl Signed {
    /// Checks it; `known` are fingerprints of keys, with the last second since the Unix epoch in which they signed.
    pub fn check(&self, known: &[(String, Option<i64>)]) -> Checked {
        let unchecked = Checked {
            status: Verdict::Unchecked,
            key: None,
        };
        if !self.signature.starts_with(BEGIN) {
            return unchecked;
        }
        let Ok(signature) = SshSig::from_pem(&self.signature) else {
            return Checked {
                status: Verdict::Bad,
                ..unchecked
            };
        };
        let key = PublicKey::from(signature.public_key().clone());
        let print = key.fingerprint(HashAlg::Sha256);
        Checked {
            status: self.verdict(&key, &signature, &print, known),
            key: Some(print.to_string()),
        }
    }

    fn verdict(
        &self,
        key: &PublicKey,
        signature: &SshSig,
        print: &Fingerprint,
        known: &[(String, Option<i64>)],
    ) -> Verdict {
        if key.algorithm() != Algorithm::Ed25519 {
            return Verdict::Unchecked;
        }
        if key.verify(NAMESPACE, &self.text, signature).is_err() {
            return Verdict::Bad;
        }
        let print = print.to_string();
        let ours = known
            .iter()
            .any(|(own, until)| *own == print && until.is_none_or(|until| self.at <= until));
        if ours {
            Verdict::Good
        } else {
            Verdict::UnknownKey
        }
    }
}

#[cfg(test)]
mod tests {
    use git2::{ObjectType, Signature, Time};

    use super::*;
    use crate::servers::git::{engine::written, remote::ssh::samples};

    /// A commit of `git commit -S` (2.47, OpenSSH 9.2) in an empty repository, and its key.
    const FOREIGN: &[u8] = include_bytes!("tests/signed.commit");
    const FOREIGN_KEY: &str = "SHA256:eLhjjsJeLrUgu2NWhcScpalmHtltViSmdmfOPMLymSY";

    fn repository() -> (tempfile::TempDir, Repository) {
        let dir = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(dir.path()).unwrap();
        (dir, repository)
    }

    fn commit(repository: &Repository, key: Option<&SigningKey>) -> Oid {
        let tree = repository.treebuilder(None).unwrap().write().unwrap();
        let tree = repository.find_tree(tree).unwrap();
        let who = Signature::new("ann", "ann@shop", &Time::new(1_000, 0)).unwrap();
        let message = "One\n\nand more\n\nof it\n";
        written::commit(repository, &who, &who, message, &tree, &[], key).unwrap()
    }

    fn status(repository: &Repository, id: Oid, known: &[(String, Option<i64>)]) -> Verdict {
        let signed = signed(repository, id).unwrap().unwrap();
        signed.check(known).status
    }

    #[test]
    fn what_a_key_signed_is_known_to_be_its() {
        let (_dir, repository) = repository();
        let key = SigningKey::generate("ours").unwrap();
        let other = SigningKey::generate("ours").unwrap();
        assert_ne!(key.fingerprint(), other.fingerprint());
        let plain = commit(&repository, None);
        assert_eq!(signed(&repository, plain).unwrap(), None);
        let id = commit(&repository, Some(&key));
        let found = repository.find_commit(id).unwrap();
        assert_eq!(
            found.message_bytes(),
            repository.find_commit(plain).unwrap().message_bytes()
        );
        let at = |key: &SigningKey, until| [(key.fingerprint(), until)];
        for (known, expected) in [
            (at(&key, None), Verdict::Good),
            (at(&key, Some(1_000)), Verdict::Good),
            (at(&key, Some(999)), Verdict::UnknownKey),
            (at(&other, None), Verdict::UnknownKey),
        ] {
            assert_eq!(status(&repository, id, &known), expected, "{known:?}");
        }
        let read = SigningKey::read(&key.text().unwrap()).unwrap();
        assert_eq!(read.fingerprint(), key.fingerprint());
    }

    #[test]
    fn gits_own_signature_is_checked_and_a_changed_commit_is_not_good() {
        let (_dir, repository) = repository();
        let odb = repository.odb().unwrap();
        odb.write(ObjectType::Tree, b"").unwrap();
        let known = [(FOREIGN_KEY.to_owned(), None)];
        let id = odb.write(ObjectType::Commit, FOREIGN).unwrap();
        let checked = signed(&repository, id).unwrap().unwrap().check(&known);
        let good = Checked {
            status: Verdict::Good,
            key: Some(FOREIGN_KEY.to_owned()),
        };
        assert_eq!(checked, good);
        let text = String::from_utf8(FOREIGN.to_vec()).unwrap();
        for (from, to) in [
            ("Signed by", "signed by"),
            ("AAAA", "AAAB"),
            ("U1NI", "????"),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text);
            let id = odb.write(ObjectType::Commit, changed.as_bytes()).unwrap();
            assert_eq!(status(&repository, id, &known), Verdict::Bad, "{from}");
        }
        let pgp = text.replace("SSH SIGNATURE", "PGP SIGNATURE");
        let id = odb.write(ObjectType::Commit, pgp.as_bytes()).unwrap();
        assert_eq!(status(&repository, id, &known), Verdict::Unchecked);
    }

    #[test]
    fn keys_that_cannot_sign_are_refused() {
        assert_eq!(
            SigningKey::read(samples::ENCRYPTED).unwrap_err(),
            BadKey::Encrypted
        );
        assert!(matches!(
            SigningKey::read(samples::ECDSA),
            Err(BadKey::Kind(_))
        ));
        for none in [
            "",
            "x",
            "-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n",
        ] {
            assert!(
                matches!(SigningKey::read(none), Err(BadKey::Malformed(_))),
                "{none}"
            );
        }
    }
}
