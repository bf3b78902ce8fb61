//! Where a submodule is: an address of its own, or one from that of the repository it is in.

/// Why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    #[error("it is relative, and the repository has no remote origin that it could be relative to")]
    NoBase,
    #[error("it is relative, and leads above the host of the repository's own address")]
    AboveHost,
}

/// Whether `url` is seen from the repository that the submodule is in.
pub fn is_relative(url: &str) -> bool {
    url.starts_with("./") || url.starts_with("../")
}

/// The whole address of `url` in a repository that came from `base`, as git makes it.
pub fn resolve(url: &str, base: Option<&str>) -> Result<String, Unresolved> {
    if !is_relative(url) {
        return Ok(url.to_owned());
    }
    let base = base.ok_or(Unresolved::NoBase)?.trim_end_matches('/');
    let (scheme, rest) = base.split_once("://").ok_or(Unresolved::NoBase)?;
    let mut parts: Vec<&str> = rest.split('/').collect();
    let mut url = url;
    loop {
        if let Some(below) = url.strip_prefix("../") {
            if parts.len() < 2 {
                return Err(Unresolved::AboveHost);
            }
            parts.pop();
            url = below;
        } else if let Some(below) = url.strip_prefix("./") {
            url = below;
        } else {
            break;
        }
    }
    let url = url.trim_end_matches('/');
    Ok(format!("{scheme}://{}/{url}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_resolved_as_git_does() {
        let base = Some("https://host:8/team/main.git/");
        for (url, whole) in [
            ("https://other/x", Ok("https://other/x")),
            ("ext::sh", Ok("ext::sh")),
            ("./lib.git", Ok("https://host:8/team/main.git/lib.git")),
            ("../lib.git/", Ok("https://host:8/team/lib.git")),
            ("../.././x/lib", Ok("https://host:8/x/lib")),
            ("../../../lib", Err(Unresolved::AboveHost)),
        ] {
            assert_eq!(resolve(url, base).as_deref(), whole.as_deref(), "{url}");
        }
        assert_eq!(resolve("../x", None), Err(Unresolved::NoBase));
        assert_eq!(
            resolve("../x", Some("host:team/main")),
            Err(Unresolved::NoBase)
        );
    }
}
