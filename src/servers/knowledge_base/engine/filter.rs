//! What is visible and wanted.

/// What a hit must have; the same for both legs.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Scopes to look in; none finds nothing.
    pub scopes: Vec<String>,
}
