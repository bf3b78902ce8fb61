//! Entries of a tar archive, as they come.

use std::io::{Read, Write};

use ::tar::{Archive, Builder, EntryType, Header};

use super::{Error, pack::Source, shown, unpack::Room};

pub(super) fn unpack(from: impl Read, room: &mut Room<'_>) -> Result<(), Error> {
    let mut archive = Archive::new(from);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path_bytes().into_owned();
        let kind = entry.header().entry_type();
        let what = match kind {
            EntryType::Regular | EntryType::Continuous | EntryType::Directory => None,
            // Of the whole archive, such as the commit that `git archive` writes.
            EntryType::XGlobalHeader => continue,
            EntryType::Symlink => Some("a symbolic link"),
            EntryType::Link => Some("a hard link"),
            EntryType::Char | EntryType::Block => Some("a device"),
            EntryType::Fifo => Some("a FIFO"),
            EntryType::GNUSparse => Some("a sparse file"),
            _ => Some("of an unknown kind"),
        };
        if let Some(what) = what {
            let name = shown(&name);
            return Err(Error::Kind { name, what });
        }
        let Some(path) = Room::path(&name)? else {
            continue;
        };
        if kind == EntryType::Directory {
            room.directory(&path)?;
        } else {
            let executable = entry.header().mode()? & 0o100 != 0;
            room.file(&path, executable, &mut entry)?;
        }
    }
    Ok(())
}

/// Writes `source` as tar.
pub(super) fn pack<W: Write>(to: W, source: &mut Source<'_>) -> Result<W, Error> {
    let mut builder = Builder::new(to);
    source.each(|entry| {
        let mut header = Header::new_gnu();
        header.set_mtime(u64::try_from(entry.modified_s).unwrap_or(0));
        match entry.file {
            None => {
                header.set_entry_type(EntryType::Directory);
                header.set_mode(0o755);
                header.set_size(0);
                builder.append_data(&mut header, format!("{}/", entry.name), std::io::empty())?;
            }
            Some((file, bytes)) => {
                header.set_entry_type(EntryType::Regular);
                header.set_mode(if entry.executable { 0o755 } else { 0o644 });
                header.set_size(bytes);
                builder.append_data(&mut header, entry.name, file)?;
            }
        }
        Ok(())
    })?;
    Ok(builder.into_inner()?)
}
