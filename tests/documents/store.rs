//! Leases.
use std::collections::HashMap;

/// A lease.
#[derive(Debug)]
pub struct Lease {
    owner: String,
}

/// All leases.
pub struct Leases {
    map: HashMap<String, Lease>,
}

impl Leases {
    /// Takes one, if it is free.
    pub fn take(&mut self, name: &str, owner: &str) -> bool {
        if self.map.contains_key(name) {
            return false;
        }
        let lease = Lease { owner: owner.to_owned() };
        self.map.insert(name.to_owned(), lease);
        true
    }

    /// Gives it back.
    pub fn free(&mut self, name: &str) -> Option<String> {
        let lease = self.map.remove(name)?;
        Some(lease.owner)
    }

    fn count(&self) -> usize {
        self.map.len()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_lease_is_taken_once() {
        let mut all = super::Leases { map: Default::default() };
        assert!(all.take("a", "me"));
        assert!(!all.take("a", "you"));
        assert_eq!(all.free("a").as_deref(), Some("me"));
        assert_eq!(all.count(), 0);
    }
}
