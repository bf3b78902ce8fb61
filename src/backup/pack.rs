//! Writing the archive.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, Metadata, OpenOptions},
    io::{self, BufWriter, ErrorKind, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use super::{
    Error,
    manifest::{FORMAT, HEAD, Head, Item, Kind, MANIFEST, Manifest, Name, VERSION},
};
use crate::base::hex::hex;

/// An archive that is being written. Packing a directory again adds what has changed since and forgets what is gone.
pub struct Packer {
    tar: Builder<GzEncoder<BufWriter<File>>>,
    data: PathBuf,
    packed: BTreeMap<PathBuf, Packed>,
    left_out: BTreeSet<PathBuf>,
    /// Entries written so far.
    entries: u64,
    pass: u32,
}

struct Packed {
    item: Item,
    stamp: Stamp,
    /// The pass that saw it last.
    pass: u32,
}

/// By which a change of a file shows.
#[derive(PartialEq, Eq)]
struct Stamp([i64; 6]);

impl From<&Metadata> for Stamp {
    fn from(meta: &Metadata) -> Self {
        Self([
            meta.ino().cast_signed(),
            meta.size().cast_signed(),
            meta.mtime(),
            meta.mtime_nsec(),
            meta.ctime(),
            meta.ctime_nsec(),
        ])
    }
}

impl Packer {
    /// Begins the archive `to`, which only its owner may read, of the data directory `data`.
    pub fn create(to: &Path, data: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(to)?;
        // What fills a backup is mostly compressed already: a better level costs time and saves little.
        let gzip = GzEncoder::new(BufWriter::with_capacity(1 << 18, file), Compression::fast());
        let mut packer = Self {
            tar: Builder::new(gzip),
            data: data.to_owned(),
            packed: BTreeMap::new(),
            left_out: BTreeSet::new(),
            entries: 0,
            pass: 0,
        };
        let head = Head {
            format: FORMAT.into(),
            version: VERSION,
        };
        packer.own_entry(HEAD, &serde_json::to_vec(&head)?)?;
        Ok(packer)
    }

    /// Packs the directory or file `below` the data directory with all that is in it, but for what `skip` says.
    pub fn add(&mut self, below: &Path, skip: &dyn Fn(&Path) -> bool) -> Result<(), Error> {
        self.pass += 1;
        let mut waiting = vec![below.to_owned()];
        while let Some(path) = waiting.pop() {
            if skip(&path) {
                continue;
            }
            match self.one(&path, &mut waiting) {
                // An agent may take everybody's right to read a file of its own; it does not take away the backup.
                Err(error) if error.kind() == ErrorKind::PermissionDenied && is_agents(&path) => {
                    self.left_out.insert(path);
                }
                done => done.map_err(|source| Error::File { path, source })?,
            }
        }
        let pass = self.pass;
        let gone = |path: &Path, packed: &Packed| {
            packed.pass < pass && path.starts_with(below) && !skipped(path, below, skip)
        };
        self.packed.retain(|path, packed| !gone(path, packed));
        Ok(())
    }

    /// Packs the file `from`, wherever it is, as `path`.
    pub fn add_as(&mut self, from: &Path, path: &Path) -> io::Result<()> {
        let file = File::open(from)?;
        let meta = file.metadata()?;
        let kind = self.file(path, file, &meta)?;
        self.keep(path, &meta, kind);
        Ok(())
    }

    /// Ends the archive: it is whole, and on disk.
    pub fn finish(mut self, about: Manifest) -> io::Result<Manifest> {
        let packed = std::mem::take(&mut self.packed).into_iter();
        let items = packed.map(|(path, packed)| (Name(path), packed.item));
        let manifest = Manifest {
            items: items.collect(),
            left_out: std::mem::take(&mut self.left_out)
                .into_iter()
                .map(Name)
                .collect(),
            ..about
        };
        self.own_entry(MANIFEST, &serde_json::to_vec(&manifest)?)?;
        let file = self.tar.into_inner()?.finish()?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(manifest)
    }

    fn one(&mut self, path: &Path, waiting: &mut Vec<PathBuf>) -> io::Result<()> {
        let Some(meta) = gone_is_none(self.data.join(path).symlink_metadata())? else {
            return Ok(());
        };
        if meta.is_dir() {
            let Some(listing) = gone_is_none(fs::read_dir(self.data.join(path)))? else {
                return Ok(());
            };
            for entry in listing {
                waiting.push(path.join(entry?.file_name()));
            }
        }
        if path.as_os_str().is_empty() {
            return Ok(());
        }
        self.item(path, &meta)
    }

    fn item(&mut self, path: &Path, meta: &Metadata) -> io::Result<()> {
        if let Some(packed) = self.packed.get_mut(path)
            && packed.stamp == Stamp::from(meta)
        {
            packed.pass = self.pass;
            return Ok(());
        }
        let full = self.data.join(path);
        if meta.is_symlink() {
            let Some(target) = gone_is_none(fs::read_link(&full))? else {
                return Ok(());
            };
            let mut header = header(EntryType::Symlink, meta, 0);
            self.tar.append_link(&mut header, path, &target)?;
            self.entries += 1;
            let target = Name(target);
            self.keep(path, meta, Kind::Link { target });
        } else if meta.is_dir() {
            let mut header = header(EntryType::Directory, meta, 0);
            self.tar.append_data(&mut header, path, io::empty())?;
            self.entries += 1;
            self.keep(path, meta, Kind::Directory);
        } else if meta.is_file() {
            let Some(file) = gone_is_none(open(&full))? else {
                return Ok(());
            };
            // What is told of it is told of what is read, which a rename may have put there since.
            let meta = file.metadata()?;
            let kind = self.file(path, file, &meta)?;
            self.keep(path, &meta, kind);
        }
        // Sockets, FIFOs and devices belong to no backup.
        Ok(())
    }

    fn file(&mut self, path: &Path, file: File, meta: &Metadata) -> io::Result<Kind> {
        let bytes = meta.size();
        let mut content = Content {
            file,
            left: bytes,
            hash: Sha256::new(),
        };
        let mut header = header(EntryType::Regular, meta, bytes);
        self.tar.append_data(&mut header, path, &mut content)?;
        let entry = self.entries;
        self.entries += 1;
        Ok(Kind::File {
            bytes,
            sha256: hex(&content.hash.finalize()),
            entry,
        })
    }

    fn keep(&mut self, path: &Path, meta: &Metadata, kind: Kind) {
        let mode = meta.permissions().mode() & 0o777;
        let packed = Packed {
            item: Item { mode, kind },
            stamp: Stamp::from(meta),
            pass: self.pass,
        };
        self.packed.insert(path.to_owned(), packed);
    }

    fn own_entry(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut header = Header::new_gnu();
        header.set_mode(0o600);
        header.set_size(content.len() as u64);
        self.tar.append_data(&mut header, name, content)?;
        self.entries += 1;
        Ok(())
    }
}

/// Without following a link that was put there since, nor waiting for a FIFO.
fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

/// Whether `path` or a directory above it, up to `below`, was left out.
fn skipped(path: &Path, below: &Path, skip: &dyn Fn(&Path) -> bool) -> bool {
    path.ancestors()
        .take_while(|above| above.starts_with(below))
        .any(skip)
}

/// Whether agents make what is there: their trees, and what their workflows leave.
fn is_agents(path: &Path) -> bool {
    let mut parts = path.iter();
    parts.next().is_some_and(|first| first == "projects")
        && parts
            .nth(1)
            .is_some_and(|kind| kind == "workspaces" || kind == "runs")
}

/// The hub goes on meanwhile: what is gone since it was listed is no fault.
fn gone_is_none<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn header(kind: EntryType, meta: &Metadata, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(meta.permissions().mode() & 0o777);
    header.set_mtime(u64::try_from(meta.mtime()).unwrap_or(0));
    header.set_size(size);
    header
}

/// A file's content, hashed as it is read: as many bytes as it had when it was opened, for its entry's size is written before.
struct Content {
    file: File,
    left: u64,
    hash: Sha256,
}

impl Read for Content {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(into.len(), |left| left.min(into.len()));
        let Some(part) = into.get_mut(..most) else {
            return Ok(0);
        };
        let mut read = self.file.read(part)?;
        if read == 0 {
            // It has become shorter; whoever did that is not done.
            part.fill(0);
            read = most;
        }
        self.left -= read as u64;
        self.hash.update(part.get(..read).unwrap_or_default());
        Ok(read)
    }
}
