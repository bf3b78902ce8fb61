//! A copy of a checked-out tree, so that jobs running side by side do not see each other's files.

use std::{fs, io, os::unix::fs::symlink, path::Path};

/// Copies `from` to the new directory `to`: files with their modes, links as links. `stop` ends it early.
pub fn copy(from: &Path, to: &Path, stop: &dyn Fn() -> bool) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        if stop() {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "stopped"));
        }
        let entry = entry?;
        let (kind, source, target) = (entry.file_type()?, entry.path(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&source, &target, stop)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(&source)?, &target)?;
        } else if kind.is_file() {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn modes_and_links_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("from");
        fs::create_dir_all(from.join("sub")).unwrap();
        fs::write(from.join("sub/run.sh"), "x").unwrap();
        fs::set_permissions(from.join("sub/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("/nowhere", from.join("link")).unwrap();
        let to = dir.path().join("to");
        copy(&from, &to, &|| false).unwrap();
        assert_eq!(
            fs::metadata(to.join("sub/run.sh"))
                .unwrap()
                .permissions()
                .mode()
                & 0o777,
            0o755
        );
        assert_eq!(
            fs::read_link(to.join("link")).unwrap(),
            Path::new("/nowhere")
        );
        assert!(copy(&from, &dir.path().join("other"), &|| true).is_err());
    }
}
