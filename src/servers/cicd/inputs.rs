//! Inputs of a run, as steps find them.

use std::collections::BTreeMap;

use super::engine::workflow::Vars;
use crate::tool::ToolError;

/// Each input as `INPUT_<NAME>`, upper case, other characters as `_`.
pub(super) fn vars(inputs: &BTreeMap<String, String>) -> Result<Vars, ToolError> {
    let mut vars = Vars::new();
    for (name, value) in inputs {
        let upper: String = name
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_uppercase()
                } else {
                    '_'
                }
            })
            .collect();
        let fits =
            !name.is_empty() && name.len() <= 100 && value.len() <= 65_536 && !value.contains('\0');
        if !fits {
            return Err(ToolError::invalid(
                "/inputs",
                "a name has 1 to 100 bytes; a value at most 65536, without NUL",
            ));
        }
        if vars
            .insert(format!("INPUT_{upper}"), value.clone())
            .is_some()
        {
            return Err(ToolError::invalid(
                "/inputs",
                format!("two inputs become the variable INPUT_{upper}"),
            ));
        }
    }
    Ok(vars)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_become_variables() {
        let inputs = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect()
        };
        assert_eq!(
            vars(&inputs(&[("log-level", "x")])).unwrap()["INPUT_LOG_LEVEL"],
            "x"
        );
        assert!(vars(&inputs(&[("a-b", "1"), ("a_b", "2")])).is_err());
    }
}
