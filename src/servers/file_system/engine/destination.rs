//! Whether something may be put at a path.

use crate::base::beneath::{Beneath, Error, RelPath};

/// True when a file is there that would be replaced; [`Error::Exists`] when it may not be, and what [`Beneath::file`] refuses.
pub fn check(files: &Beneath, path: &RelPath, overwrite: bool) -> Result<bool, Error> {
    match files.kind(path) {
        Err(Error::NotFound) => Ok(false),
        Err(other) => Err(other),
        Ok(_) if overwrite => files.file(path).map(|_| true),
        Ok(_) => Err(Error::Exists),
    }
}
