//! git-mcp where it takes a whole hub to see it, and the real git program at the other end.

mod crash;
mod partial;
mod remotes;
mod smart_http;
mod sparse;
mod ssh;
mod sshd;
mod submodules;
mod team;
