//! The key that signs a project's commits, and those that did.

use super::{
    Git,
    engine::sign::{Checked, Signed, SigningKey},
    store::SigningKeyRow,
};
use crate::tool::{Ctx, ToolError};

impl Git {
    /// The key that signs the caller's project's commits.
    pub(super) async fn signing_key(&self, ctx: &Ctx) -> Result<SigningKey, ToolError> {
        let rows = self.store.signing_keys(ctx.project()).await?;
        let current = rows
            .iter()
            .find_map(|row| Some((row, row.sealed.as_ref()?)));
        let Some((row, sealed)) = current else {
            return Err(ToolError::conflict(
                "the project has no key to sign with yet",
            )
            .hint(
                "commit without sign, or have an administrator make one: git_signing_key(action: create)",
            ));
        };
        let text = self
            .unseal(ctx, &sealed_as(&row.fingerprint), sealed)
            .map_err(|error| error.hint("make another with git_signing_key(action: create)"))?;
        SigningKey::read(&text).map_err(ToolError::internal)
    }

    /// A row that makes `key` the project's.
    pub(super) fn signing_row(
        &self,
        ctx: &Ctx,
        key: &SigningKey,
    ) -> Result<SigningKeyRow, ToolError> {
        let fingerprint = key.fingerprint();
        let text = key.text().map_err(ToolError::internal)?;
        Ok(SigningKeyRow {
            public_key: key.public().map_err(ToolError::internal)?,
            sealed: Some(self.seal(ctx, &sealed_as(&fingerprint), &text)?),
            created_ms: ctx.now(),
            retired_ms: None,
            fingerprint,
        })
    }

    /// What is to be held of a commit's signature in the caller's project.
    pub(super) async fn checked(&self, ctx: &Ctx, signed: &Signed) -> Result<Checked, ToolError> {
        let rows = self.store.signing_keys(ctx.project()).await?;
        let known: Vec<_> = rows
            .into_iter()
            .map(|row| {
                (
                    row.fingerprint,
                    row.retired_ms.map(|ms| ms.div_euclid(1000)),
                )
            })
            .collect();
        Ok(signed.check(&known))
    }
}

/// No credential is called so: their names have no colon.
fn sealed_as(fingerprint: &str) -> String {
    format!("signing {fingerprint}")
}
