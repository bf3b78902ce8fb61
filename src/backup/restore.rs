//! A data directory out of a backup.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{
    ASIDE, Error, FOLDER,
    manifest::{Kind, Manifest, Name},
    read::{Broken, each_entry, read},
};
use crate::base::{
    clock::{Millis, rfc3339},
    hex::hex,
};

/// What a restore works in, in the data directory. As long as it is there, the rest is not whole.
pub const UNFINISHED: &str = ".restoring";
/// What may lie in a data directory that counts as empty.
const NOTHING: [&str; 4] = ["hub.lock", "hub.addr", UNFINISHED, "lost+found"];

/// What a restore did.
#[derive(Debug)]
pub struct Restored {
    /// What was in the backup.
    pub manifest: Manifest,
    /// Where what was there before is now.
    pub aside: Option<PathBuf>,
}

/// Whether a backup can be restored into `data`: it is empty, or what is there may be put aside.
pub fn check_place(data: &Path, force: bool) -> Result<(), Error> {
    if force || kept(data)?.is_empty() {
        return Ok(());
    }
    Err(Error::NotEmpty(data.to_owned()))
}

/// Restores `archive` into `data`, which is there and whose lock the caller holds. Nothing of what is there is touched before
/// all of the archive was read and found right, and unpacked beside it.
pub fn restore(archive: &Path, data: &Path, force: bool, now: Millis) -> Result<Restored, Error> {
    check_place(data, force)?;
    let manifest = read(archive)?;
    let staging = data.join(UNFINISHED);
    match fs::remove_dir_all(&staging) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let unpacked = unpack(archive, &manifest, &staging);
    if let Err(error) = unpacked {
        let _said_already = fs::remove_dir_all(&staging);
        return Err(error);
    }
    let aside = put_aside(data, now)?;
    for entry in fs::read_dir(&staging)? {
        let entry = entry?;
        fs::rename(entry.path(), data.join(entry.file_name()))?;
    }
    sync(data)?;
    fs::remove_dir(&staging)?;
    sync(data)?;
    Ok(Restored { manifest, aside })
}

fn unpack(archive: &Path, manifest: &Manifest, staging: &Path) -> Result<(), Error> {
    DirBuilder::new().mode(0o700).create(staging)?;
    // A directory comes before what is in it: so they are sorted.
    for (Name(path), item) in &manifest.items {
        if item.kind == Kind::Directory {
            DirBuilder::new().mode(0o700).create(staging.join(path))?;
        }
    }
    each_entry(archive, &mut |number, path, content| {
        let item = manifest.items.get(&Name::from(path));
        let Some(item) = item else { return Ok(()) };
        match &item.kind {
            Kind::File { entry, sha256, .. } if *entry == number => {
                let found = write(&staging.join(path), item.mode, content)?;
                if found == *sha256 {
                    Ok(())
                } else {
                    Err(io::Error::other(Broken::Changed(path.to_owned())))
                }
            }
            _ => Ok(()),
        }
    })?;
    // Links come last: nothing is written through one.
    for (Name(path), item) in &manifest.items {
        if let Kind::Link { target } = &item.kind {
            symlink(&target.0, staging.join(path))?;
        }
    }
    for (Name(path), item) in manifest.items.iter().rev() {
        if item.kind == Kind::Directory {
            let mode = Permissions::from_mode(item.mode & 0o777);
            fs::set_permissions(staging.join(path), mode)?;
        }
    }
    Ok(sync(staging)?)
}

/// Writes a new file; the SHA-256 of what was written.
fn write(path: &Path, mode: u32, content: &mut dyn Read) -> io::Result<String> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode & 0o777)
        .open(path)?;
    // Whatever the umask is.
    file.set_permissions(Permissions::from_mode(mode & 0o777))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = content.read(&mut buffer)?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else {
            return Ok(hex(&hash.finalize()));
        };
        hash.update(part);
        file.write_all(part)?;
    }
}

/// Moves what is in `data` into a directory there, which stays on the same file system even where `data` is one of its own.
fn put_aside(data: &Path, now: Millis) -> Result<Option<PathBuf>, Error> {
    let kept = kept(data)?;
    if kept.is_empty() {
        return Ok(None);
    }
    let aside = data.join(format!("{ASIDE}{}", rfc3339(now).replace(':', "-")));
    DirBuilder::new().mode(0o700).create(&aside)?;
    for name in kept {
        fs::rename(data.join(&name), aside.join(&name))?;
    }
    Ok(Some(aside))
}

/// What is in a data directory and would be in a restore's way.
fn kept(data: &Path) -> io::Result<Vec<PathBuf>> {
    let listing = match fs::read_dir(data) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing?,
    };
    let mut kept = Vec::new();
    for entry in listing {
        let name = entry?.file_name();
        let text = name.to_string_lossy();
        let is_nothing = NOTHING.contains(&&*text) || text == FOLDER || text.starts_with(ASIDE);
        if !is_nothing {
            kept.push(name.into());
        }
    }
    Ok(kept)
}

/// All that was written to the file system of `path` is on disk.
fn sync(path: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(path)?)?)
}
