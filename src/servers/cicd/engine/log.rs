//! A step's log: append-only segments under a byte budget that keeps the head and the tail.
//!
//! A log is a directory; each file in it is named by the offset of its first byte in the whole output. The first
//! segment is the head and stays. Later ones hold the tail: when a new one starts, all but the two newest go.
//! Offsets therefore stay true for ever, and a reader sees where bytes are missing.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// Writes one log.
#[derive(Debug)]
pub struct LogWriter {
    directory: PathBuf,
    file: File,
    /// Bytes still allowed in the open segment.
    room: u64,
    offset: u64,
    segment: u64,
}

impl LogWriter {
    /// Starts a log of at most about `budget` bytes in `directory`, which is created.
    pub fn create(directory: &Path, budget: u64) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let file = open(directory, 0)?;
        let head = (budget / 2).max(1);
        Ok(Self {
            directory: directory.to_owned(),
            file,
            room: head,
            offset: 0,
            segment: (budget / 4).max(1),
        })
    }

    pub fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.room == 0 {
                self.file = open(&self.directory, self.offset)?;
                self.room = self.segment;
                self.drop_middle()?;
            }
            let fits = bytes
                .len()
                .min(usize::try_from(self.room).unwrap_or(usize::MAX));
            let (now, later) = bytes.split_at(fits);
            self.file.write_all(now)?;
            self.room -= fits as u64;
            self.offset += fits as u64;
            bytes = later;
        }
        Ok(())
    }

    /// Bytes of output so far, kept or not.
    pub fn total(&self) -> u64 {
        self.offset
    }

    /// Makes the log survive a power failure.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn drop_middle(&self) -> io::Result<()> {
        let segments = segments(&self.directory)?;
        let tail = segments.len().saturating_sub(2).max(1);
        for (_, path) in segments.get(1..tail).unwrap_or_default() {
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

/// Bytes that stand together in a log.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    /// Offset of the first byte in the whole output.
    pub offset: u64,
    pub bytes: Vec<u8>,
}

/// Number of bytes the log has seen, kept or not.
pub fn total(directory: &Path) -> io::Result<u64> {
    Ok(match segments(directory)?.last() {
        Some((offset, path)) => offset + fs::metadata(path)?.len(),
        None => 0,
    })
}

/// At most `max` bytes from `offset` on. Where bytes were dropped, the piece starts after the gap, and ends before
/// the next. `None` at the end of the log.
pub fn read(directory: &Path, offset: u64, max: usize) -> io::Result<Option<Piece>> {
    let mut piece: Option<Piece> = None;
    for (start, path) in segments(directory)? {
        let have = piece.as_ref().map_or(0, |piece| piece.bytes.len());
        let from = piece
            .as_ref()
            .map_or(offset.max(start), |piece| piece.offset + have as u64);
        if from < start || have >= max {
            break; // A gap, or enough.
        }
        let mut file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue, // Dropped by the writer just now.
            file => file?,
        };
        file.seek(SeekFrom::Start(from - start))?;
        let mut bytes = Vec::new();
        file.take((max - have) as u64).read_to_end(&mut bytes)?;
        if bytes.is_empty() {
            continue;
        }
        match &mut piece {
            Some(piece) => piece.bytes.append(&mut bytes),
            None => {
                piece = Some(Piece {
                    offset: from,
                    bytes,
                });
            }
        }
    }
    Ok(piece)
}

/// Segments by offset. A log that does not exist yet has none.
fn segments(directory: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let offset = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .and_then(|stem| stem.parse().ok());
        found.extend(offset.map(|offset| (offset, path)));
    }
    found.sort_unstable_by_key(|(offset, _)| *offset);
    Ok(found)
}

fn open(directory: &Path, offset: u64) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(directory.join(format!("{offset:020}.log")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_within_its_budget_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = LogWriter::create(dir.path(), 1000).unwrap();
        log.write(&[b'a'; 400]).unwrap();
        log.write(&[b'b'; 300]).unwrap();
        let piece = read(dir.path(), 0, 10_000).unwrap().unwrap();
        assert_eq!((piece.offset, piece.bytes.len()), (0, 700));
        assert_eq!(read(dir.path(), 700, 10).unwrap(), None);
        assert_eq!(read(dir.path(), 399, 2).unwrap().unwrap().bytes, b"ab");
    }

    #[test]
    fn beyond_the_budget_head_and_tail_stay_and_offsets_stay_true() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = LogWriter::create(dir.path(), 400).unwrap();
        for n in 0..1000_u32 {
            log.write(format!("{n:09}\n").as_bytes()).unwrap();
        }
        assert_eq!(total(dir.path()).unwrap(), 10_000);
        let head = read(dir.path(), 0, 100_000).unwrap().unwrap();
        assert_eq!((head.offset, head.bytes.len()), (0, 200));
        let tail = read(dir.path(), 200, 100_000).unwrap().unwrap();
        assert!(
            tail.offset >= 9_800 && tail.bytes.ends_with(b"000000999\n"),
            "{}",
            tail.offset
        );
        assert_eq!(tail.offset + tail.bytes.len() as u64, 10_000);
        let kept: u64 = fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().metadata().unwrap().len())
            .sum();
        assert!(kept <= 400);
    }

    #[test]
    fn no_log_is_an_empty_log() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(&dir.path().join("none"), 0, 10).unwrap(), None);
        assert_eq!(total(&dir.path().join("none")).unwrap(), 0);
    }
}
