//! A patch applied to an issue, and the history entries that come of it.

use crate::servers::issues::model::{Fields, Patch};

/// One field that changed. Lists are JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Name of the field.
    pub field: &'static str,
    /// Its value before.
    pub old: Option<String>,
    /// Its value now.
    pub new: Option<String>,
}

/// `fields` with `patch` applied: in both lists adding wins over removing, and the lists come sorted and without doubles.
pub fn apply(fields: &Fields, patch: Patch) -> Fields {
    Fields {
        title: patch.title.unwrap_or_else(|| fields.title.clone()),
        body: patch.body.unwrap_or_else(|| fields.body.clone()),
        kind: patch.kind.unwrap_or(fields.kind),
        priority: patch.priority.unwrap_or(fields.priority),
        state: patch.state.unwrap_or(fields.state),
        labels: merge(&fields.labels, patch.add_labels, &patch.remove_labels),
        assignees: merge(
            &fields.assignees,
            patch.add_assignees,
            &patch.remove_assignees,
        ),
    }
}

fn merge(old: &[String], add: Vec<String>, remove: &[String]) -> Vec<String> {
    let kept = old.iter().filter(|item| !remove.contains(item)).cloned();
    normal(kept.chain(add))
}

/// Sorted and without doubles.
pub fn normal(items: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut items: Vec<String> = items.into_iter().collect();
    items.sort();
    items.dedup();
    items
}

/// `items` as the JSON that is stored.
pub fn json(items: &[String]) -> String {
    serde_json::Value::from(items).to_string()
}

/// What differs between two states of an issue.
pub fn diff(old: &Fields, new: &Fields) -> Vec<Change> {
    let pairs = [
        ("title", old.title.clone(), new.title.clone()),
        ("body", old.body.clone(), new.body.clone()),
        ("type", old.kind.as_str().into(), new.kind.as_str().into()),
        (
            "priority",
            old.priority.to_string(),
            new.priority.to_string(),
        ),
        (
            "state",
            old.state.as_str().into(),
            new.state.as_str().into(),
        ),
        ("labels", json(&old.labels), json(&new.labels)),
        ("assignees", json(&old.assignees), json(&new.assignees)),
    ];
    let changed = pairs.into_iter().filter(|(_, old, new)| old != new);
    changed
        .map(|(field, old, new)| Change {
            field,
            old: Some(old),
            new: Some(new),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::issues::model::{Kind, State};

    fn fields() -> Fields {
        Fields {
            title: "t".into(),
            body: String::new(),
            kind: Kind::Task,
            priority: 2,
            state: State::Open,
            labels: vec!["a".into(), "b".into()],
            assignees: vec![],
        }
    }

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        let patch = Patch {
            state: Some(State::Done),
            add_labels: vec!["c".into(), "a".into()],
            remove_labels: vec!["b".into(), "a".into()],
            ..Patch::default()
        };
        let new = apply(&fields(), patch);
        assert_eq!(new.labels, ["a", "c"]);
        let changed: Vec<_> = diff(&fields(), &new)
            .into_iter()
            .map(|c| (c.field, c.old.unwrap(), c.new.unwrap()))
            .collect();
        assert_eq!(
            changed,
            [
                ("state", "open".into(), "done".into()),
                ("labels", r#"["a","b"]"#.into(), r#"["a","c"]"#.into())
            ]
        );
    }

    #[test]
    fn an_empty_patch_is_no_change() {
        assert_eq!(diff(&fields(), &apply(&fields(), Patch::default())), []);
    }
}
