//! A snapshot as a file: its header on the first line, an entry on each line after it.

use std::fs;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};

use super::{Entry, Error, Header, Snapshot};

/// Longest line: a path, a link's target, and what belongs to them, escaped.
const MAX_LINE: u64 = 64 * 1024;

pub(super) fn write(snapshot: &Snapshot, file: &mut fs::File) -> Result<(), Error> {
    let mut out = BufWriter::new(file);
    let mut line = serde_json::to_vec(&snapshot.header).map_err(|_| Error::Damaged)?;
    line.push(b'\n');
    out.write_all(&line)?;
    for entry in &snapshot.entries {
        let mut line = serde_json::to_vec(entry).map_err(|_| Error::Damaged)?;
        line.push(b'\n');
        out.write_all(&line)?;
    }
    Ok(out.flush()?)
}

pub(super) fn header(file: fs::File) -> Result<Header, Error> {
    one(&mut BufReader::new(file))?.ok_or(Error::Damaged)
}

pub(super) fn read(file: fs::File) -> Result<Snapshot, Error> {
    let mut lines = BufReader::new(file);
    let header = one(&mut lines)?.ok_or(Error::Damaged)?;
    let mut entries = Vec::new();
    while let Some(entry) = one::<Entry>(&mut lines)? {
        entries.push(entry);
    }
    Ok(Snapshot { header, entries })
}

fn one<T: serde::de::DeserializeOwned>(lines: &mut impl BufRead) -> Result<Option<T>, Error> {
    let mut line = Vec::new();
    lines.take(MAX_LINE).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(&line)
        .map(Some)
        .map_err(|_| Error::Damaged)
}
