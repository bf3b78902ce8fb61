//! Finding definitions by name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::symbol::{Kind, Symbol};

/// How a name must fit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Match {
    /// Exact names first, then prefixes, then names that contain the query; case does not matter.
    #[default]
    Auto,
    /// The very name, case included.
    Exact,
    /// Names that start with the query; case does not matter.
    Prefix,
    /// Names that contain the query; case does not matter.
    Contains,
    /// Also names that hold the query's letters in order, or differ by a typing error.
    Fuzzy,
}

/// A query, taken apart.
#[derive(Debug)]
pub struct Query {
    name: String,
    lower: String,
    /// What the name must be inside of, innermost last.
    inside: Vec<String>,
    how: Match,
    kind: Option<Kind>,
}

impl Query {
    /// `Container/name`, `Container::name` and `Container.name` name what they must be inside of; a name alone fits
    /// anywhere.
    pub fn new(text: &str, how: Match, kind: Option<Kind>) -> Self {
        let text = text
            .rsplit('#')
            .next()
            .filter(|rest| !rest.is_empty())
            .unwrap_or(text);
        let mut parts: Vec<String> = text
            .split(['/', '.', ':'])
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect();
        let name = parts.pop().unwrap_or_default();
        Self {
            lower: name.to_lowercase(),
            name,
            inside: parts,
            how,
            kind,
        }
    }

    /// How well a definition fits, 0 best; nothing when it does not.
    pub fn rank(&self, symbol: &Symbol) -> Option<u32> {
        if self.name.is_empty()
            || self.kind.is_some_and(|kind| kind != symbol.kind)
            || !self.is_inside(symbol)
        {
            return None;
        }
        let tier = self.tier(&symbol.name)?;
        let wanted = match self.how {
            Match::Exact => tier == 0,
            Match::Prefix => tier <= 2,
            Match::Auto | Match::Contains => tier <= 3,
            Match::Fuzzy => true,
        };
        wanted.then_some(tier)
    }

    fn tier(&self, name: &str) -> Option<u32> {
        if name == self.name {
            return Some(0);
        }
        let lower = name.to_lowercase();
        if lower == self.lower {
            return Some(1);
        }
        if lower.starts_with(&self.lower) {
            return Some(2);
        }
        if lower.contains(&self.lower) {
            return Some(3);
        }
        (self.how == Match::Fuzzy)
            .then(|| self.fuzzy(&lower))
            .flatten()
    }

    /// Letters in order with few gaps, or one typing error in five letters.
    fn fuzzy(&self, lower: &str) -> Option<u32> {
        let similar = strsim::normalized_damerau_levenshtein(&self.lower, lower);
        if similar >= 0.8 {
            return Some(4);
        }
        let mut rest = lower.chars();
        let in_order = self.lower.chars().all(|wanted| rest.any(|c| c == wanted));
        let gaps = lower
            .chars()
            .count()
            .saturating_sub(self.lower.chars().count());
        in_order.then(|| 5 + u32::try_from(gaps).unwrap_or(u32::MAX - 5))
    }

    fn is_inside(&self, symbol: &Symbol) -> bool {
        let mut containers = symbol.container.rsplit('/');
        self.inside
            .iter()
            .rev()
            .all(|wanted| containers.next() == Some(wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(container: &str, name: &str) -> Symbol {
        Symbol {
            name: name.to_owned(),
            kind: Kind::Method,
            container: container.to_owned(),
            twin: 0,
            depth: 0,
            line: 1,
            first_line: 1,
            last_line: 1,
            bytes: 0..0,
            signature: String::new(),
        }
    }

    #[test]
    fn better_fits_come_first() {
        let rank = |how, name: &str| Query::new("getUser", how, None).rank(&symbol("", name));
        let names = [
            "getUser",
            "getuser",
            "getUserName",
            "forgetUsers",
            "getSuper",
            "other",
        ];
        let ranks: Vec<_> = names.iter().map(|name| rank(Match::Fuzzy, name)).collect();
        assert!(
            ranks[..4].is_sorted() && ranks[..4].iter().all(Option::is_some),
            "{ranks:?}"
        );
        assert_eq!(rank(Match::Exact, "getuser"), None);
        assert_eq!(rank(Match::Prefix, "forgetUsers"), None);
        assert_eq!(rank(Match::Contains, "forgetUsers"), Some(3));
        assert_eq!(rank(Match::Auto, "other"), None);
        assert!(rank(Match::Fuzzy, "gteUser").is_some());
    }

    #[test]
    fn a_qualified_query_names_the_containers() {
        let fits = |query: &str| {
            Query::new(query, Match::Auto, None)
                .rank(&symbol("mod/Point", "new"))
                .is_some()
        };
        for query in [
            "new",
            "Point/new",
            "Point::new",
            "mod.Point.new",
            "src/a.rs#Point/new",
        ] {
            assert!(fits(query), "{query}");
        }
        assert!(!fits("Line::new") && !fits("Point::mod::new") && !fits(""));
    }

    #[test]
    fn a_kind_narrows() {
        assert_eq!(
            Query::new("new", Match::Auto, Some(Kind::Class)).rank(&symbol("", "new")),
            None
        );
    }
}
