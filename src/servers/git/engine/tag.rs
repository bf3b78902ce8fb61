//! Names for commits that stay.

use git2::{Commit, ErrorCode, ObjectType, Oid, Reference, Repository};

use super::commit::Who;
use super::{Error, shown};

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    pub name: String,
    /// The commit, or another object, that it leads to.
    pub target: Oid,
    /// Who tagged, and what was said, when it has an object of its own.
    pub tagger: Option<String>,
    pub message: Option<String>,
}

/// Refuses what git would not take as a tag, or would take for something else.
pub fn check(name: &str) -> Result<(), Error> {
    let fits = !name.starts_with('-')
        && !name.contains("/-")
        && Reference::is_valid_name(&format!("refs/tags/{name}"));
    if fits {
        Ok(())
    } else {
        Err(Error::BadTag(name.to_owned()))
    }
}

/// Tags `commit`: with a message as an object of its own, without one as a mere name.
pub fn create(
    repository: &Repository,
    name: &str,
    commit: &Commit<'_>,
    message: Option<&str>,
    who: &Who,
) -> Result<(), Error> {
    check(name)?;
    let made = match message {
        Some(message) => {
            let message = git2::message_prettify(message, None)?;
            repository.tag(name, commit.as_object(), &who.signature()?, &message, false)
        }
        None => repository.tag_lightweight(name, commit.as_object(), false),
    };
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.code() == ErrorCode::Exists => Err(Error::TagExists(name.to_owned())),
        Err(error) => Err(error.into()),
    }
}

/// Removes the tag; what it was.
pub fn delete(repository: &Repository, name: &str) -> Result<Tag, Error> {
    check(name)?;
    let tag = find(repository, name)?;
    repository.tag_delete(name)?;
    Ok(tag)
}

/// The tag `name`.
pub fn find(repository: &Repository, name: &str) -> Result<Tag, Error> {
    let missing = || Error::NoTag(name.to_owned());
    let reference = repository
        .find_reference(&format!("refs/tags/{name}"))
        .map_err(|_| missing())?;
    let id = reference.target().ok_or_else(missing)?;
    let target = reference.peel(ObjectType::Any)?.id();
    let object = repository.find_tag(id).ok();
    let who = object.as_ref().and_then(git2::Tag::tagger);
    Ok(Tag {
        name: name.to_owned(),
        target: object.as_ref().map_or(target, |tag| {
            tag.peel().map_or(tag.target_id(), |object| object.id())
        }),
        tagger: who
            .map(|who| format!("{} <{}>", shown(who.name_bytes()), shown(who.email_bytes()))),
        message: object.and_then(|tag| tag.message_bytes().map(shown)),
    })
}

/// The names that start with `prefix`, in order.
pub fn names(repository: &Repository, prefix: &str) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    repository.tag_foreach(|_, name| {
        // A name that is not UTF-8 cannot be said in JSON.
        let name = std::str::from_utf8(name)
            .ok()
            .and_then(|name| name.strip_prefix("refs/tags/"));
        names.extend(
            name.filter(|name| name.starts_with(prefix))
                .map(ToOwned::to_owned),
        );
        true
    })?;
    names.sort_unstable();
    Ok(names)
}
