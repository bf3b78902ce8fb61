//! JSON of a request, read together with the path to it, so that what is wrong can be named: `messages[2].content[0].type`.

use serde_json::Value;

use super::BadRequest;

/// A value of a request, and where it is.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    value: &'a Value,
    step: Step<'a>,
    /// What it is a part of; the path is only written out where it is needed.
    up: Option<&'a Node<'a>>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Root,
    Key(&'a str),
    Index(usize),
}

impl<'a> Node<'a> {
    pub fn root(value: &'a Value) -> Self {
        Self {
            value,
            step: Step::Root,
            up: None,
        }
    }

    pub fn value(&self) -> &'a Value {
        self.value
    }

    /// A field; `null` counts as absent.
    pub fn get<'n>(&'n self, key: &'n str) -> Option<Node<'n>> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(Node {
            value,
            step: Step::Key(key),
            up: Some(self),
        })
    }

    /// A field that must be there.
    pub fn need<'n>(&'n self, key: &'n str) -> Result<Node<'n>, BadRequest> {
        self.get(key).ok_or_else(|| {
            let absent = Node {
                value: &Value::Null,
                step: Step::Key(key),
                up: Some(self),
            };
            absent.bad("is missing")
        })
    }

    /// A field that may be there.
    pub fn read<'n, T>(
        &'n self,
        key: &'n str,
        read: impl FnOnce(&Node<'n>) -> Result<T, BadRequest>,
    ) -> Result<Option<T>, BadRequest> {
        self.get(key).map(|node| read(&node)).transpose()
    }

    /// The field `type`, with its text.
    pub fn kind(&self) -> Result<(Node<'_>, &str), BadRequest> {
        let kind = self.need("type")?;
        let text = kind.str()?;
        Ok((kind, text))
    }

    pub fn items(&self) -> Result<impl Iterator<Item = Node<'_>>, BadRequest> {
        let items = self
            .value
            .as_array()
            .ok_or_else(|| self.bad("must be an array"))?;
        Ok(items.iter().enumerate().map(|(index, value)| Node {
            value,
            step: Step::Index(index),
            up: Some(self),
        }))
    }

    /// Each item of an array, read.
    pub fn list<'n, T>(
        &'n self,
        mut read: impl FnMut(&Node<'n>) -> Result<T, BadRequest>,
    ) -> Result<Vec<T>, BadRequest> {
        self.items()?.map(|item| read(&item)).collect()
    }

    pub fn str(&self) -> Result<&'a str, BadRequest> {
        self.value
            .as_str()
            .ok_or_else(|| self.bad("must be a string"))
    }

    pub fn string(&self) -> Result<String, BadRequest> {
        self.str().map(str::to_owned)
    }

    pub fn flag(&self) -> Result<bool, BadRequest> {
        self.value
            .as_bool()
            .ok_or_else(|| self.bad("must be true or false"))
    }

    pub fn number(&self) -> Result<f64, BadRequest> {
        self.value
            .as_f64()
            .ok_or_else(|| self.bad("must be a number"))
    }

    pub fn count(&self) -> Result<u32, BadRequest> {
        let count = self
            .value
            .as_u64()
            .and_then(|count| u32::try_from(count).ok());
        count.ok_or_else(|| self.bad("must be a whole number, 0 or more"))
    }

    /// A JSON object, as it is.
    pub fn object(&self) -> Result<Value, BadRequest> {
        if self.value.is_object() {
            return Ok(self.value.clone());
        }
        Err(self.bad("must be an object"))
    }

    /// What is wrong here.
    pub fn bad(&self, message: impl Into<String>) -> BadRequest {
        let mut path = String::new();
        self.path(&mut path);
        BadRequest::new(if path.is_empty() { "body" } else { &path }, message)
    }

    fn path(&self, out: &mut String) {
        if let Some(up) = self.up {
            up.path(out);
        }
        match self.step {
            Step::Root => {}
            Step::Key(key) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(key);
            }
            Step::Index(index) => out.extend(["[", &index.to_string(), "]"]),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_wrong_is_named_by_its_path() {
        let body = json!({ "messages": [{}, { "content": [{ "type": 5 }], "name": null }] });
        let root = Node::root(&body);
        let messages = root.need("messages").unwrap();
        let message = messages.items().unwrap().nth(1).unwrap();
        let content = message.need("content").unwrap();
        let part = content.items().unwrap().next().unwrap();
        let wrong = part.kind().unwrap_err();
        assert_eq!(wrong.param, "messages[1].content[0].type");
        assert_eq!(wrong.message, "must be a string");
        assert_eq!(message.need("name").unwrap_err().param, "messages[1].name");
        assert_eq!(
            Node::root(&json!([]))
                .need("model")
                .unwrap_err()
                .to_string(),
            "model: is missing"
        );
        assert_eq!(Node::root(&json!(1)).items().err().unwrap().param, "body");
    }

    #[test]
    fn whole_numbers_only_count() {
        let body = json!({ "a": 1, "b": -1, "c": 1.5, "d": 4294967296u64 });
        let root = Node::root(&body);
        assert_eq!(root.read("a", Node::count).unwrap(), Some(1));
        for key in ["b", "c", "d"] {
            assert_eq!(root.read(key, Node::count).unwrap_err().param, key);
        }
        assert_eq!(root.read("e", Node::count).unwrap(), None);
    }
}
