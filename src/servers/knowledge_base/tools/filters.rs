//! What narrows a search.

use super::readable;
use crate::{
    servers::knowledge_base::{
        engine::filter::{Filter, PathGlob},
        model::{Format, Realm},
    },
    tool::prelude::*,
};

/// Where to look.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Where {
    /// Documents of this project.
    Project,
    /// Documents of all projects.
    Global,
    /// Both.
    Both,
}

impl Where {
    /// The realms that a caller may read of these.
    pub fn realms(self, ctx: &Ctx) -> Vec<Realm> {
        let [own, global] = readable(ctx);
        match self {
            Self::Project => vec![own],
            Self::Global => vec![global],
            Self::Both => vec![own, global],
        }
    }
}

/// What a hit must have.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields, default)]
#[schemars(inline)]
#[garde(allow_unvalidated)]
pub struct Filters {
    /// Only documents of this collection.
    #[garde(length(chars, min = 1, max = 100))]
    pub collection: Option<String>,
    /// Only documents of one of these kinds. Without it all but memories; recall_memory is better for those.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[garde(length(max = 7))]
    pub kind: Vec<Format>,
    /// Only programs in one of these languages, in lower case, e.g. `rust`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[garde(length(max = 20), inner(length(chars, min = 1, max = 50)))]
    pub language: Vec<String>,
    /// Only documents whose path within their source is like this, e.g. `docs/**/*.md`: `*` stays within a folder, `**` does not.
    #[garde(length(chars, min = 1, max = 300))]
    pub path_glob: Option<String>,
    /// Only documents that have all of these tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[garde(length(max = 20), inner(length(chars, min = 1, max = 100)))]
    pub tags: Vec<String>,
    /// Only documents that changed then or later: a date or a time (RFC 3339), e.g. `2026-01-31` or `2026-01-31T09:00:00Z`.
    #[garde(length(max = 40))]
    pub since: Option<String>,
}

impl Filters {
    /// Whether it chooses nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// As the rankings take it; `pointer` says where in the arguments it stands. Scopes are not part of it.
    pub fn filter(&self, pointer: &str) -> Result<Filter, ToolError> {
        let path_glob = self.path_glob.as_deref().map(|glob| {
            PathGlob::new(glob).map_err(|error| {
                ToolError::invalid(
                    format!("{pointer}/path_glob"),
                    format!("is no pattern of paths: {error}"),
                )
            })
        });
        let since_ms = self.since.as_deref().map(|since| {
            instant(since).ok_or_else(|| {
                let wanted = "must be a date or a time, e.g. 2026-01-31 or 2026-01-31T09:00:00Z";
                ToolError::invalid(format!("{pointer}/since"), wanted)
            })
        });
        Ok(Filter {
            scopes: Vec::new(),
            collection: self.collection.clone(),
            kinds: self
                .kind
                .iter()
                .map(|kind| kind.as_str().to_owned())
                .collect(),
            languages: self
                .language
                .iter()
                .map(|word| word.to_lowercase())
                .collect(),
            path_glob: path_glob.transpose()?,
            tags: self.tags.clone(),
            since_ms: since_ms.transpose()?,
        })
    }
}

/// A time, or the first moment of a day in UTC, in milliseconds since the Unix epoch.
fn instant(text: &str) -> Option<i64> {
    let time = text.parse::<jiff::Timestamp>().ok();
    let day = || {
        let date = text.parse::<jiff::civil::Date>().ok()?;
        let start = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(start.timestamp())
    };
    time.or_else(day).map(jiff::Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_what_is_wrong_is_named() {
        assert_eq!(instant("1970-01-02"), Some(86_400_000));
        assert_eq!(instant("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(instant("yesterday"), None);
        for (filters, field) in [
            (
                Filters {
                    since: Some("soon".into()),
                    ..Filters::default()
                },
                "/filters/since",
            ),
            (
                Filters {
                    path_glob: Some("a[".into()),
                    ..Filters::default()
                },
                "/filters/path_glob",
            ),
        ] {
            let error = filters.filter("/filters").unwrap_err();
            assert!(
                error
                    .problem()
                    .get("errors")
                    .unwrap()
                    .to_string()
                    .contains(field)
            );
        }
    }
}
