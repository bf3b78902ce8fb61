//! Which paragraph styles are headings. Their ids are translated in some languages, their names and outline levels are not.

use std::collections::HashMap;

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

/// The level of each style that is a heading, from 1.
pub type Headings = HashMap<String, u8>;

/// Reads `word/styles.xml`. What is damaged in it is left out: the text does not depend on it.
pub fn headings(xml: &str) -> Headings {
    let mut reader = Reader::from_str(xml);
    let (mut found, mut style) = (Headings::new(), None);
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(tag) | Event::Empty(tag) => match tag.local_name().as_ref() {
                "style" => style = value(&tag, "styleId"),
                "name" => {
                    let level = value(&tag, "val").and_then(|name| level_of(&name));
                    found.extend(style.clone().zip(level));
                }
                "outlineLvl" => {
                    let level = value(&tag, "val").and_then(|level| level.parse::<u8>().ok());
                    let level = level.filter(|level| *level < 9).map(|level| level + 1);
                    found.extend(style.clone().zip(level));
                }
                _ => {}
            },
            Event::Eof => break,
            _ => {}
        }
    }
    found
}

/// The level that a style's name or id says: `heading 2`, `Heading2`, `Title`.
pub fn level_of(name: &str) -> Option<u8> {
    let name = name.to_lowercase();
    if name == "title" {
        return Some(1);
    }
    let level = name.strip_prefix("heading")?.trim().parse().ok()?;
    (1..=9).contains(&level).then_some(level)
}

/// An attribute's value, whatever its prefix.
pub fn value(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    tag.attributes()
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == name)
        .map(|attribute| attribute.value.into_owned())
}
