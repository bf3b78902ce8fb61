//! The data directory: whose it is, who may look into it, and how much room there is.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::{Finding, Patient};
use crate::{app::ADMIN_TOKEN, backup};

const DATA: &str = "data directory";
const SECRETS: &str = "secrets";
const DISK: &str = "disk";
/// With less than this the hub is about to stop writing.
const LOW: u64 = 100 << 20;
/// With less than this it is time to make room.
const SOON: u64 = 1 << 30;
/// The same for the number of files.
const FEW: u64 = 1000;

pub fn check(patient: &Patient) -> Vec<Finding> {
    let data = &patient.data;
    let Ok(meta) = fs::metadata(data) else {
        let found = format!("{} is not there: the first start makes it", data.display());
        return vec![Finding::ok(DATA, found)];
    };
    let mut found = vec![directory(patient, &meta)];
    found.extend(secrets(patient));
    if data.join(backup::UNFINISHED).exists() {
        let next = "run syndarix restore --force again, with the same backup";
        found.push(Finding::error(DATA, "a restore into it was cut off", next));
    }
    found.push(match rustix::fs::statvfs(data) {
        Ok(room) => space(room.f_bavail * room.f_frsize, room.f_favail, room.f_files),
        Err(error) => Finding::warning(DISK, format!("its room is not known: {error}"), ""),
    });
    found
}

fn directory(patient: &Patient, meta: &fs::Metadata) -> Finding {
    let (data, mode) = (&patient.data, meta.mode() & 0o777);
    let path = data.display();
    if !meta.is_dir() {
        let next = "move it away, or set storage.data in config.toml";
        return Finding::error(DATA, format!("{path} is no directory"), next);
    }
    let me = rustix::process::geteuid().as_raw();
    if meta.uid() != me && me != 0 {
        let found = format!("{path} belongs to user {}, not to {me}", meta.uid());
        let next = format!("run as that user, or: chown -R {me} {path}");
        return Finding::error(DATA, found, next);
    }
    if mode & 0o700 != 0o700 {
        let found = format!("{path} (mode {mode:03o}) cannot be used by its own user");
        return chmod(patient, data, 0o700, Finding::error(DATA, found, ""));
    }
    if mode & 0o077 != 0 {
        let found =
            format!("{path} (mode {mode:03o}) is open to other users: it holds keys and all work");
        return chmod(patient, data, 0o700, Finding::error(DATA, found, ""));
    }
    Finding::ok(DATA, format!("{path} is private to its user"))
}

/// The files that nobody else may read.
fn secrets(patient: &Patient) -> Vec<Finding> {
    let (data, settings) = (&patient.data, patient.settings);
    let mut files: Vec<PathBuf> = [ADMIN_TOKEN, "token.key", "git.key"]
        .iter()
        .map(|name| data.join(name))
        .collect();
    files.extend(settings.auth.key_file.clone());
    let providers = settings.servers.llm_gateway.providers.values();
    files.extend(providers.filter_map(|provider| provider.api_key_file.clone()));
    let backups = fs::read_dir(data.join(backup::FOLDER))
        .into_iter()
        .flatten();
    files.extend(backups.flatten().map(|entry| entry.path()));
    let mut found = Vec::new();
    for file in files {
        let Ok(meta) = fs::metadata(&file) else {
            continue;
        };
        let mode = meta.mode() & 0o777;
        if mode & 0o077 != 0 {
            let what = format!("{} (mode {mode:03o}) can be read by others", file.display());
            found.push(chmod(
                patient,
                &file,
                0o600,
                Finding::error(SECRETS, what, ""),
            ));
        }
    }
    if found.is_empty() {
        found.push(Finding::ok(SECRETS, "keys and tokens are private"));
    }
    found
}

fn chmod(patient: &Patient, path: &Path, mode: u32, finding: Finding) -> Finding {
    let next = Some(format!("chmod {mode:o} {}", path.display()));
    let finding = Finding { next, ..finding };
    finding.mended(patient.fix, || {
        fs::set_permissions(path, Permissions::from_mode(mode))
    })
}

/// Judges `bytes` free, and `files` of `most` that can still be made.
fn space(bytes: u64, files: u64, most: u64) -> Finding {
    let free = match bytes {
        0..1_000_000_000 => format!("{} MB are free", bytes / 1_000_000),
        _ => format!("{:.1} GB are free", bytes as f64 / 1e9),
    };
    let room = "make room: old backups, runs, trash, or a larger disk";
    // Some file systems count no files.
    if bytes < LOW || (most > 0 && files < FEW) {
        let found = format!("{free}, {files} files can be made: writing is about to fail");
        return Finding::error(DISK, found, room);
    }
    if bytes < SOON {
        return Finding::warning(DISK, free, room);
    }
    Finding::ok(DISK, free)
}

#[cfg(test)]
mod tests {
    use super::{super::Level, *};

    #[test]
    fn a_disk_is_judged_by_its_room_and_by_its_files() {
        let level = |bytes, files, most| space(bytes, files, most).level;
        assert_eq!(level(10 << 30, 1 << 20, 1 << 21), Level::Ok);
        assert_eq!(level(10 << 30, 0, 0), Level::Ok);
        assert_eq!(level(500 << 20, 1 << 20, 1 << 21), Level::Warning);
        assert_eq!(level(50 << 20, 1 << 20, 1 << 21), Level::Error);
        assert_eq!(level(10 << 30, 10, 1 << 21), Level::Error);
        assert!(space(38_500_000, 0, 0).found.starts_with("38 MB"));
    }
}
