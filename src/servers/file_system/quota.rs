//! How many bytes each project's files take, as far as this hub knows.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{base::ids::ProjectId, tool::ToolError};

/// After this long a project is measured again: git and runs write too.
const TRUSTED: Duration = Duration::from_secs(600);

/// The bytes of each project that has been written to.
#[derive(Debug)]
pub struct Quota {
    most: u64,
    used: Mutex<HashMap<ProjectId, Used>>,
}

#[derive(Debug, Clone, Copy)]
struct Used {
    bytes: u64,
    measured: Instant,
}

impl Quota {
    /// With `most` bytes for each project.
    pub fn new(most: u64) -> Self {
        Self {
            most,
            used: Mutex::default(),
        }
    }

    /// The bytes that a project may take.
    pub fn most(&self) -> u64 {
        self.most
    }

    /// Counts `bytes` more for the project; false, and nothing counted, when that would be too many. `measure` says what it
    /// takes now.
    pub fn take(
        &self,
        project: &ProjectId,
        bytes: u64,
        measure: impl Fn() -> Result<u64, ToolError>,
    ) -> Result<bool, ToolError> {
        if self.add(project, bytes) {
            return Ok(true);
        }
        // Unknown, or full: and then something may have been removed.
        self.put(project, measure()?);
        Ok(self.add(project, bytes))
    }

    /// What the project takes.
    pub fn used(
        &self,
        project: &ProjectId,
        measure: impl Fn() -> Result<u64, ToolError>,
    ) -> Result<u64, ToolError> {
        let known = self.lock().get(project).copied();
        match known.filter(|used| used.measured.elapsed() < TRUSTED) {
            Some(used) => Ok(used.bytes),
            None => measure().inspect(|bytes| self.put(project, *bytes)),
        }
    }

    /// The project's files take `bytes` less.
    pub fn give(&self, project: &ProjectId, bytes: u64) {
        if let Some(used) = self.lock().get_mut(project) {
            used.bytes = used.bytes.saturating_sub(bytes);
        }
    }

    fn put(&self, project: &ProjectId, bytes: u64) {
        let measured = Instant::now();
        self.lock()
            .insert(project.clone(), Used { bytes, measured });
    }

    /// The same without measuring: false also when too little is known.
    pub fn add(&self, project: &ProjectId, bytes: u64) -> bool {
        let mut all = self.lock();
        let Some(used) = all
            .get_mut(project)
            .filter(|used| used.measured.elapsed() < TRUSTED)
        else {
            return false;
        };
        let fits = used.bytes.saturating_add(bytes) <= self.most;
        if fits {
            used.bytes += bytes;
        }
        fits
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ProjectId, Used>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_project_is_measured_when_unknown_or_full_and_counted_between() {
        let quota = Quota::new(100);
        let project = ProjectId::new("p").unwrap();
        let (size, looks) = (Cell::new(50), Cell::new(0));
        let take = |bytes| {
            quota.take(&project, bytes, || {
                looks.set(looks.get() + 1);
                Ok(size.get())
            })
        };
        assert!(take(30).unwrap() && take(20).unwrap());
        assert_eq!(looks.get(), 1);
        size.set(100);
        assert!(!take(1).unwrap() && looks.get() == 2);
        size.set(10);
        assert!(take(90).unwrap() && looks.get() == 3);
        assert!(quota.used(&project, || panic!("known")).unwrap() == 100);
        quota.give(&project, 40);
        assert!(take(40).unwrap() && looks.get() == 3);
        assert!(!take(u64::MAX).unwrap());
    }
}
