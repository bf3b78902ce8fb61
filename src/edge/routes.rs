//! What a port serves. It can be replaced while clients stay connected.

use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;

/// The routes of a port. Cheap to clone: all clones are replaced at once.
#[derive(Clone, Debug)]
pub struct Routes(Arc<RwLock<Router>>);

impl Routes {
    /// Serves `router`.
    pub fn new(router: Router) -> Self {
        Self(Arc::new(RwLock::new(router)))
    }

    /// Serves `router` from the next request on. Requests that run end where they began.
    pub fn replace(&self, router: Router) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = router;
    }

    /// What a request that comes now is served by. Asked for each: clients keep their connections for hours.
    pub fn current(&self) -> Router {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        current.clone()
    }
}
