//! What a pull request is, and what is said of it.

use globset::GlobBuilder;

use crate::words;

words! {
    /// Where a pull request stands.
    PullState {
        /// It waits for reviews, checks or its merge.
        Open = "open",
        /// Its changes are on the target branch.
        Merged = "merged",
        /// It was given up; it can be opened again.
        Closed = "closed",
    }
}

words! {
    /// What opens a repository elsewhere.
    CredentialKind {
        /// A password or token, for https.
        Password = "password",
        /// A private key, for ssh.
        SshKey = "ssh_key",
    }
}

words! {
    /// What a review comes to.
    Verdict {
        /// It may be merged as it is.
        Approve = "approve",
        /// It must change first: it cannot be merged until the same reviewer approves.
        RequestChanges = "request_changes",
        /// Remarks only.
        Comment = "comment",
    }
}

words! {
    /// How the changes get onto the target branch.
    Method {
        /// A commit with both branches as parents.
        Merge = "merge",
        /// One new commit with all changes.
        Squash = "squash",
        /// Each commit again on top of the target.
        Rebase = "rebase",
    }
}

words! {
    /// What a check says of a commit.
    CheckState {
        /// It has not ended.
        Pending = "pending",
        /// It passed.
        Success = "success",
        /// It did not pass.
        Failure = "failure",
        /// It could not be run.
        Error = "error",
    }
}

/// A rule of protected branches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The branches: a name, or a pattern with `*` and `?` that stay between slashes and `**` that does not.
    pub pattern: String,
    /// Agents, other than the author, who must have approved the last commit.
    pub approvals: u32,
    /// Checks that must be a success.
    pub checks: Vec<String>,
}

impl Rule {
    /// Whether it is about `branch`. One whose pattern cannot be read is about nothing: it was read when it was set.
    pub fn covers(&self, branch: &str) -> bool {
        let glob = GlobBuilder::new(&self.pattern)
            .literal_separator(true)
            .build();
        glob.is_ok_and(|glob| glob.compile_matcher().is_match(branch))
    }
}
