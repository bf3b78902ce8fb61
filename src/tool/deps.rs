//! Which tools of other servers a server may call in-process, and the check that this makes no circle.

use super::{Access, ServerId, Tool, ToolError, ToolServer};

/// One tool that another server's tools may call, and the access they may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dep {
    /// The tool's server.
    pub server: ServerId,
    /// The tool.
    pub tool: &'static str,
    /// The most that it may do to the world.
    pub access: Access,
}

impl Dep {
    /// A tool that looks only.
    pub const fn read(server: ServerId, tool: &'static str) -> Self {
        Self {
            server,
            tool,
            access: Access::Read,
        }
    }

    /// A tool that changes things.
    pub const fn write(server: ServerId, tool: &'static str) -> Self {
        Self {
            server,
            tool,
            access: Access::Write,
        }
    }
}

/// What `server` may do with the tool `T`, by the `calls` it declares.
pub fn access<T: Tool>(server: ServerId, calls: &[Dep]) -> Result<Access, ToolError> {
    let declared = calls
        .iter()
        .find(|dep| dep.server == T::Server::ID && dep.tool == T::NAME);
    declared.map(|dep| dep.access).ok_or_else(|| {
        let tool = T::NAME;
        ToolError::internal(format!(
            "{server} calls {tool} without declaring it in CALLS"
        ))
    })
}

/// A circle among the servers' calls, if there is one: the servers on it, in order.
pub fn circle(calls: &[(ServerId, &'static [Dep])]) -> Option<Vec<ServerId>> {
    let next = |id: ServerId| {
        calls
            .iter()
            .filter(move |(from, _)| *from == id)
            .flat_map(|(_, deps)| deps.iter().map(|d| d.server))
    };
    let mut paths: Vec<Vec<ServerId>> = calls.iter().map(|(id, _)| vec![*id]).collect();
    while let Some(path) = paths.pop() {
        for server in path.last().into_iter().flat_map(|last| next(*last)) {
            let mut longer = path.clone();
            longer.push(server);
            if path.contains(&server) {
                return Some(longer);
            }
            paths.push(longer);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO_GIT: &[Dep] = &[Dep::read(ServerId::Git, "git_log")];
    const TO_ISSUES: &[Dep] = &[Dep::write(ServerId::Issues, "update_issue")];

    #[test]
    fn a_circle_is_found_and_a_tree_is_none() {
        assert_eq!(
            circle(&[(ServerId::Cicd, TO_GIT), (ServerId::Issues, TO_GIT)]),
            None
        );
        let round = circle(&[(ServerId::Issues, TO_GIT), (ServerId::Git, TO_ISSUES)]).unwrap();
        assert_eq!(round.first(), round.last());
        assert!(circle(&[(ServerId::Git, TO_GIT)]).is_some());
    }
}
