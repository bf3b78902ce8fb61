//! What a model has to read, counted on the way through a JSON value.

use std::fmt;

use serde::{
    Deserialize,
    de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor},
};

/// What a token given as a number counts for, in bytes of text.
const TOKEN_BYTES: usize = 4;
/// Members whose text is no text for the model: it would be counted as if a picture were read aloud.
const NO_TEXT: [&str; 10] = [
    "type",
    "role",
    "id",
    "data",
    "url",
    "image_url",
    "file_data",
    "signature",
    "encrypted_content",
    "media_type",
];

/// What was seen of texts and media.
#[derive(Debug, Default, Clone, Copy)]
pub struct Seen {
    pub text_bytes: usize,
    pub images: bool,
    pub files: bool,
    pub audio: bool,
}

/// Walks through a value and counts.
#[derive(Debug, Default, Clone, Copy)]
pub struct Walk {
    /// Count names of members too: in a schema they are text.
    pub schema: bool,
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.text_bytes += other.text_bytes;
        self.images |= other.images;
        self.files |= other.files;
        self.audio |= other.audio;
    }

    /// Looks at the type of a piece of content.
    fn kind(&mut self, kind: &str) {
        match kind {
            "image" | "image_url" | "input_image" => self.images = true,
            "file" | "input_file" | "document" => self.files = true,
            "input_audio" | "audio" => self.audio = true,
            _ => {}
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk {
    type Value = Seen;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Seen, D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk {
    type Value = Seen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Seen, E> {
        Ok(Seen {
            text_bytes: text.len(),
            ..Seen::default()
        })
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Seen, E> {
        Ok(Seen {
            text_bytes: TOKEN_BYTES,
            ..Seen::default()
        })
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Seen, E> {
        self.visit_u64(0)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Seen, E> {
        self.visit_u64(0)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Seen, E> {
        Ok(Seen::default())
    }

    fn visit_unit<E: de::Error>(self) -> Result<Seen, E> {
        Ok(Seen::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Seen, A::Error> {
        let mut seen = Seen::default();
        while let Some(item) = items.next_element_seed(self)? {
            seen.add(item);
        }
        Ok(seen)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Seen, A::Error> {
        let mut seen = Seen::default();
        while let Some(key) = map.next_key::<String>()? {
            if self.schema {
                seen.text_bytes += key.len();
                seen.add(map.next_value_seed(self)?);
            } else if key == "type" {
                seen.add(map.next_value_seed(Kind)?);
            } else {
                let mut below = map.next_value_seed(self)?;
                if NO_TEXT.contains(&key.as_str()) {
                    below.text_bytes = 0;
                }
                seen.add(below);
            }
        }
        Ok(seen)
    }
}

/// The value of a `type`.
struct Kind;

impl<'de> DeserializeSeed<'de> for Kind {
    type Value = Seen;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Seen, D::Error> {
        let mut seen = Seen::default();
        if let serde_json::Value::String(kind) = serde_json::Value::deserialize(value)? {
            seen.kind(&kind);
        }
        Ok(seen)
    }
}
