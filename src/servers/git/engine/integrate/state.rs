//! What is being integrated, kept beside HEAD, so that it outlives the hub.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

use git2::{Oid, Repository};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::servers::git::engine::Error;

const NAME: &str = "syndarix-integrating";

/// What brings changes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Kind {
    Merge,
    Rebase,
    CherryPick,
    Revert,
}

impl Kind {
    /// The tool that starts it and goes on with it.
    pub fn tool(self) -> &'static str {
        match self {
            Self::Merge => "git_merge",
            Self::Rebase => "git_rebase",
            Self::CherryPick => "git_cherry_pick",
            Self::Revert => "git_revert",
        }
    }
}

/// One that has stopped at a conflict.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    pub kind: Kind,
    /// False until tree and index show the conflicts: a hub that died before left them half-way.
    pub ready: bool,
    /// The branch to end on; `None` when HEAD was detached.
    pub branch: Option<String>,
    /// HEAD's commit before it began.
    #[serde(with = "ids::one")]
    pub original: Oid,
    /// The commit whose changes conflict.
    #[serde(with = "ids::one")]
    pub current: Oid,
    /// Those that come after it.
    #[serde(with = "ids::many")]
    pub todo: Vec<Oid>,
    /// New commits so far.
    #[serde(with = "ids::many")]
    pub made: Vec<Oid>,
    /// The message of a merge.
    pub message: String,
    /// The parent that a merge commit's changes are taken against, from 1; 0 for none.
    pub mainline: u32,
}

/// What is under way in the agent's tree.
pub fn load(repository: &Repository) -> Result<Option<State>, Error> {
    match std::fs::read(path(repository)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
        Ok(text) => Ok(Some(
            serde_json::from_slice(&text).map_err(std::io::Error::other)?,
        )),
    }
}

/// Refuses while something is under way.
pub fn refuse(repository: &Repository) -> Result<(), Error> {
    match load(repository)? {
        Some(state) => Err(Error::InProgress(state.kind)),
        None => Ok(()),
    }
}

/// Keeps it, durably.
pub fn save(repository: &Repository, state: &State) -> Result<(), Error> {
    let path = path(repository);
    let staged = path.with_extension("new");
    let mut file = File::create(&staged)?;
    file.write_all(&serde_json::to_vec(state).map_err(std::io::Error::other)?)?;
    file.sync_all()?;
    std::fs::rename(&staged, &path)?;
    sync(repository)
}

/// Forgets it.
pub fn clear(repository: &Repository) -> Result<(), Error> {
    match std::fs::remove_file(path(repository)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
        Ok(()) => sync(repository),
    }
}

fn path(repository: &Repository) -> PathBuf {
    repository.path().join(NAME)
}

fn sync(repository: &Repository) -> Result<(), Error> {
    Ok(File::open(repository.path())?.sync_all()?)
}

/// Object ids as text.
mod ids {
    pub mod one {
        use git2::Oid;
        use serde::{Deserialize, Deserializer, Serializer, de::Error};

        pub fn serialize<S: Serializer>(id: &Oid, to: S) -> Result<S::Ok, S::Error> {
            to.collect_str(id)
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Oid, D::Error> {
            Oid::from_str(&String::deserialize(from)?).map_err(D::Error::custom)
        }
    }

    pub mod many {
        use git2::Oid;
        use serde::{Deserialize, Deserializer, Serializer, de::Error};

        pub fn serialize<S: Serializer>(ids: &[Oid], to: S) -> Result<S::Ok, S::Error> {
            to.collect_seq(ids.iter().map(ToString::to_string))
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Oid>, D::Error> {
            let texts = Vec::<String>::deserialize(from)?;
            let ids = texts
                .iter()
                .map(|text| Oid::from_str(text).map_err(D::Error::custom));
            ids.collect()
        }
    }
}
