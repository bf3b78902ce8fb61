//! What is packed twice, and what comes back.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use super::{
    manifest::{Kind, Manifest, Name},
    pack::Packer,
    read::read,
    restore::restore,
};

fn about() -> Manifest {
    Manifest {
        made_ms: 1,
        hub: "0".into(),
        database: "sqlite".into(),
        schema: None,
        left_out: Vec::new(),
        items: std::collections::BTreeMap::new(),
    }
}

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn the_second_pass_has_what_changed_and_not_what_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (data, to) = (dir.path().join("data"), dir.path().join("b.tar.gz"));
    for name in [
        "same",
        "changed",
        "gone/a",
        "moved",
        "file",
        "tree/x",
        "skipped/x",
    ] {
        put(&data, &format!("p/{name}"), name);
    }
    put(&data, "outside", "outside");
    symlink("../outside", data.join("p/link")).unwrap();
    fs::set_permissions(data.join("p/same"), fs::Permissions::from_mode(0o640)).unwrap();
    let mut packer = Packer::create(&to, &data).unwrap();
    packer.add(Path::new(""), &|_| false).unwrap();
    put(&data, "p/changed", "changed since");
    put(&data, "p/new/deep", "new");
    fs::remove_dir_all(data.join("p/gone")).unwrap();
    fs::rename(data.join("p/moved"), data.join("p/new/moved")).unwrap();
    // What was a file is a directory now, and the other way around.
    fs::remove_file(data.join("p/file")).unwrap();
    put(&data, "p/file/inside", "inside");
    fs::remove_dir_all(data.join("p/tree")).unwrap();
    put(&data, "p/tree", "a file");
    // Not looked at again: it stays as it was.
    fs::remove_dir_all(data.join("p/skipped")).unwrap();
    let skipped = Path::new("p/skipped");
    packer.add(Path::new("p"), &|path| path == skipped).unwrap();
    let written = packer.finish(about()).unwrap();
    let manifest = read(&to).unwrap();
    assert_eq!(manifest.items, written.items);

    let back = dir.path().join("back");
    fs::create_dir(&back).unwrap();
    restore(&to, &back, false, 0).unwrap();
    let text = |path: &str| fs::read_to_string(back.join(path)).unwrap();
    for (path, expected) in [
        ("p/same", "same"),
        ("p/changed", "changed since"),
        ("p/new/deep", "new"),
        ("p/new/moved", "moved"),
        ("p/file/inside", "inside"),
        ("p/tree", "a file"),
        ("p/skipped/x", "skipped/x"),
        ("outside", "outside"),
    ] {
        assert_eq!(text(path), expected, "{path}");
    }
    assert!(!back.join("p/gone").exists() && !back.join("p/moved").exists());
    assert_eq!(
        fs::read_link(back.join("p/link")).unwrap(),
        Path::new("../outside")
    );
    let mode = fs::metadata(back.join("p/same"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
    assert!(!back.join(".restoring").exists());
}

/// A manifest that would have a file written through a link, to wherever that leads.
#[test]
fn nothing_is_written_through_a_link() {
    let dir = tempfile::tempdir().unwrap();
    let (data, to) = (dir.path().join("data"), dir.path().join("b.tar.gz"));
    put(&data, "d/f", "text");
    let mut packer = Packer::create(&to, &data).unwrap();
    packer.add(Path::new(""), &|_| false).unwrap();
    let made = packer.finish(about()).unwrap();
    let mut linked = made.clone();
    let directory = linked.items.get_mut(&Name("d".into())).unwrap();
    directory.kind = Kind::Link {
        target: Name(dir.path().into()),
    };
    let rewritten = dir.path().join("r.tar.gz");
    rewrite(&to, &rewritten, &serde_json::to_vec(&linked).unwrap());
    let refused = read(&rewritten).unwrap_err().to_string();
    assert!(refused.contains("no path below"), "{refused}");
}

/// The archive with another manifest.
fn rewrite(from: &Path, to: &Path, manifest: &[u8]) {
    let gzip =
        flate2::write::GzEncoder::new(fs::File::create(to).unwrap(), flate2::Compression::fast());
    let mut out = tar::Builder::new(gzip);
    let content = flate2::read::GzDecoder::new(fs::File::open(from).unwrap());
    for entry in tar::Archive::new(content).entries().unwrap() {
        let mut entry = entry.unwrap();
        let (mut header, path) = (entry.header().clone(), entry.path().unwrap().into_owned());
        if path == Path::new("manifest.json") {
            header.set_size(manifest.len() as u64);
            out.append_data(&mut header, path, manifest).unwrap();
        } else {
            out.append_data(&mut header, path, &mut entry).unwrap();
        }
    }
    out.into_inner().unwrap().finish().unwrap();
}
