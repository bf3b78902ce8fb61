//! What an endpoint's URL selects: `?servers=git,issues`, `?tools=read_only`, `?mode=light`. Like a pin it narrows, and
//! never widens.

use crate::{
    access::ServerId,
    edge::rest::query_pairs,
    tool::{Reach, ToolError},
};

/// A part of the hub, and how its tools are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Which servers and tools.
    pub reach: Reach,
    /// Whether tools are searched for instead of listed; the endpoint's own way when left out.
    pub light: Option<bool>,
}

impl Selection {
    /// Reads a URL's query. Other keys are left to others.
    pub fn parse(query: &str) -> Result<Self, ToolError> {
        let mut selection = Self::default();
        for (key, value) in query_pairs(query) {
            match (key.as_str(), value.as_str()) {
                ("servers", list) => {
                    let servers = list.split(',').map(|name| server(name.trim()));
                    selection.reach.servers = Some(servers.collect::<Result<_, _>>()?);
                }
                ("tools", "read_only") => selection.reach.read_only = true,
                ("tools", "all") => selection.reach.read_only = false,
                ("tools", _) => return Err(wrong("tools", "must be all or read_only")),
                ("mode", "light") => selection.light = Some(true),
                ("mode", "full") => selection.light = Some(false),
                ("mode", _) => return Err(wrong("mode", "must be full or light")),
                _ => {}
            }
        }
        Ok(selection)
    }
}

fn server(name: &str) -> Result<ServerId, ToolError> {
    ServerId::parse(name).ok_or_else(|| {
        let all = ServerId::ALL.map(ServerId::as_str).join(", ");
        wrong(
            "servers",
            &format!("must be server ids with commas between: {all}"),
        )
    })
}

fn wrong(key: &str, detail: &str) -> ToolError {
    ToolError::invalid(format!("/{key}"), format!("in the endpoint's URL {detail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_selects_servers_tools_and_mode() {
        let selection = Selection::parse("servers=git,%20issues&tools=read_only&mode=light&x=1");
        let selection = selection.unwrap();
        assert_eq!(
            selection.reach.servers,
            Some(vec![ServerId::Git, ServerId::Issues])
        );
        assert!(selection.reach.read_only && selection.light == Some(true));
        assert_eq!(Selection::parse("a=b").unwrap(), Selection::default());
    }

    #[test]
    fn a_typo_is_told() {
        for query in ["servers=gti", "servers=", "tools=readonly", "mode=lite"] {
            assert!(Selection::parse(query).is_err(), "{query}");
        }
    }
}
