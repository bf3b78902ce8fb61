use std::fs::File;
use std::io::{Seek as _, Write as _};

use ::tar::{Builder, EntryType, Header};
use ::zip::{ZipWriter, write::SimpleFileOptions};
use proptest::prelude::*;

use super::*;
use crate::base::beneath::{Beneath, RelPath};

fn staging() -> (tempfile::TempDir, Beneath) {
    let outer = tempfile::tempdir().unwrap();
    std::fs::create_dir(outer.path().join("in")).unwrap();
    let below = Beneath::open(&outer.path().join("in")).unwrap();
    (outer, below)
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

fn out(bytes: &[u8], limit: u64) -> Result<Unpacked, Error> {
    let (outer, below) = staging();
    let limits = Limits {
        bytes: limit,
        entries: 5,
        stop: &|| false,
    };
    let format = Format::of_content(bytes).expect("known by its content");
    let done = unpack(file(bytes), format, &below, limits);
    let names: Vec<_> = std::fs::read_dir(outer.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "nothing beside the staging directory");
    done
}

/// A tar of one entry, whose name is put in as it is.
fn tar(name: &[u8], kind: EntryType, content: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    let field = &mut header.as_old_mut().name;
    field[..name.len()].copy_from_slice(name);
    if matches!(kind, EntryType::Symlink | EntryType::Link) {
        header.set_link_name("/etc/passwd").unwrap();
    }
    header.set_cksum();
    let mut builder = Builder::new(Vec::new());
    builder.append(&header, content).unwrap();
    builder.into_inner().unwrap()
}

fn zip(names: &[&str]) -> Vec<u8> {
    let mut writer = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for name in names {
        writer
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(b"content").unwrap();
    }
    writer.finish().unwrap().into_inner()
}

const HOSTILE: [&str; 10] = [
    "../x",
    "a/../../x",
    "/etc/x",
    ".git/hooks/pre-commit",
    ".GIT/config",
    "git~1/x",
    "a\\..\\x",
    "a//b",
    ".g\u{200c}it/x",
    ".syndarix-tmp-1-1",
];

#[test]
fn paths_that_lead_elsewhere_refuse_the_archive() {
    for name in HOSTILE {
        let tarred = out(&tar(name.as_bytes(), EntryType::Regular, b"x"), 99);
        assert!(
            matches!(tarred, Err(Error::Path { .. })),
            "tar {name}: {tarred:?}"
        );
        let zipped = out(&zip(&[name]), 99);
        assert!(
            matches!(zipped, Err(Error::Path { .. })),
            "zip {name}: {zipped:?}"
        );
    }
    assert!(matches!(
        out(&tar(b"caf\xe9", EntryType::Regular, b""), 9),
        Err(Error::Damaged(_))
    ));
}

#[test]
fn links_and_devices_refuse_the_archive() {
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
    ] {
        let done = out(&tar(b"a", kind, b""), 99);
        assert!(
            matches!(done, Err(Error::Kind { .. })),
            "{kind:?}: {done:?}"
        );
    }
    let mut writer = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer
        .add_symlink("a", "/etc/passwd", SimpleFileOptions::default())
        .unwrap();
    let done = out(&writer.finish().unwrap().into_inner(), 99);
    assert!(matches!(done, Err(Error::Kind { .. })), "{done:?}");
}

#[test]
fn what_would_meet_on_another_file_system_is_refused() {
    for names in [["a", "A"], ["d/x", "D/y"], ["a", "a/b"], ["a/b", "a"]] {
        assert!(
            matches!(out(&zip(&names), 99), Err(Error::Doubled(_))),
            "{names:?}"
        );
    }
    let doubled = [
        tar(b"a", EntryType::Regular, b""),
        tar(b"a", EntryType::Regular, b""),
    ];
    // A tar ends with two empty blocks: the second follows the first.
    let joined = [&doubled[0][..512], &doubled[1][..]].concat();
    assert!(matches!(out(&joined, 99), Err(Error::Doubled(_))));
}

#[test]
fn sizes_are_counted_as_they_come() {
    assert!(out(&zip(&["a", "b"]), 14).is_ok());
    assert!(matches!(
        out(&zip(&["a", "b"]), 13),
        Err(Error::TooLarge(13))
    ));
    assert!(matches!(
        out(&zip(&["a", "b", "c", "d", "e", "f"]), 99),
        Err(Error::TooMany(5))
    ));
    assert!(
        matches!(out(&zip(&["a/b/c/d/e/f"]), 99), Err(Error::TooMany(5))),
        "directories count"
    );
    let broken = zip(&["a"]);
    assert!(matches!(
        out(&broken[..broken.len() - 30], 99),
        Err(Error::Damaged(_))
    ));
    let cut = tar(b"a", EntryType::Regular, &[7; 4000]);
    assert!(matches!(out(&cut[..2000], 9999), Err(Error::Damaged(_))));
}

#[test]
fn formats_are_told_by_content_and_by_name() {
    assert_eq!(Format::of_content(&zip(&["a"])), Some(Format::Zip));
    assert_eq!(
        Format::of_content(&tar(b"a", EntryType::Regular, b"")),
        Some(Format::Tar)
    );
    assert_eq!(Format::of_content(b"\x1f\x8b\x08"), Some(Format::TarGz));
    assert_eq!(Format::of_content(b"hello"), None);
    assert_eq!(Format::of_name("A.TAR.GZ"), Some(Format::TarGz));
    assert_eq!(Format::of_name("zip"), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever an archive calls its entries, nothing lands beside the staging directory, and what lands has a path of its own.
    #[test]
    fn no_name_gets_out(names in proptest::collection::vec("(\\.\\./|/|a|b|A|\\.git|\\.|\\\\|é){1,5}", 1..5)) {
        let names: std::collections::BTreeSet<String> = names.into_iter().collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if let Ok(done) = out(&zip(&names), 9999) {
            for path in done.files {
                prop_assert!(RelPath::parse(path.as_str()).is_ok());
            }
        }
    }

    #[test]
    fn damage_is_no_panic(at in 0_usize..400, byte in any::<u8>()) {
        for mut bytes in [zip(&["a", "b/c"]), tar(b"d/e", EntryType::Regular, b"text")] {
            if let Some(there) = bytes.get_mut(at) {
                *there = byte;
            }
            if Format::of_content(&bytes).is_some() {
                let _ = out(&bytes, 9999);
            }
        }
    }
}
