//! Entries of a zip archive, as its directory lists them.

use std::fs::File;
use std::io::{self, Seek, Write};

use ::zip::{ZipArchive, ZipWriter, result::ZipError, write::SimpleFileOptions};

use super::{Error, pack::Source, shown, unpack::Room};

/// Kinds in the upper bits of a Unix mode.
const KIND: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;
const LINK: u32 = 0o120_000;

pub(super) fn unpack(from: File, room: &mut Room<'_>) -> Result<(), Error> {
    let mut archive = ZipArchive::new(from).map_err(|error| damaged(&error))?;
    if archive.len() > room.limits.entries {
        return Err(Error::TooMany(room.limits.entries));
    }
    for index in 0..archive.len() {
        let entry = archive
            .by_index_raw(index)
            .map_err(|error| damaged(&error))?;
        let name = entry.name_raw().to_vec();
        let (encrypted, mode) = (entry.encrypted(), entry.unix_mode());
        let is_directory = entry.is_dir();
        drop(entry);
        if encrypted {
            return Err(Error::Encrypted(shown(&name)));
        }
        let what = match mode.unwrap_or(0) & KIND {
            0 | REGULAR | DIRECTORY => None,
            LINK => Some("a symbolic link"),
            _ => Some("a special file"),
        };
        if let Some(what) = what {
            let name = shown(&name);
            return Err(Error::Kind { name, what });
        }
        let Some(path) = Room::path(&name)? else {
            continue;
        };
        if is_directory {
            room.directory(&path)?;
            continue;
        }
        let executable = mode.is_some_and(|mode| mode & 0o100 != 0);
        let mut entry = archive.by_index(index).map_err(|error| damaged(&error))?;
        room.file(&path, executable, &mut entry)?;
    }
    Ok(())
}

/// Writes `source` as zip.
pub(super) fn pack<W: Write + Seek>(to: W, source: &mut Source<'_>) -> Result<W, Error> {
    let mut writer = ZipWriter::new(to);
    source.each(|entry| {
        let options = SimpleFileOptions::default();
        match entry.file {
            None => writer.add_directory(entry.name, options).map_err(failed)?,
            Some((mut file, bytes)) => {
                let mode = if entry.executable { 0o755 } else { 0o644 };
                let options = options
                    .unix_permissions(mode)
                    .large_file(bytes >= u64::from(u32::MAX));
                writer.start_file(entry.name, options).map_err(failed)?;
                io::copy(&mut file, &mut writer)?;
            }
        }
        Ok(())
    })?;
    writer.finish().map_err(failed)
}

fn damaged(error: &ZipError) -> Error {
    Error::Damaged(error.to_string())
}

fn failed(error: ZipError) -> Error {
    match error {
        ZipError::Io(error) => error.into(),
        other => damaged(&other),
    }
}
