//! Word documents into Markdown: heading styles, lists, tables and text; deleted text, field codes and pictures go.

mod body;
mod styles;

use std::io::{Cursor, ErrorKind, Read};

use quick_xml::{Reader, events::Event};
use zip::ZipArchive;

use super::{Extracted, Fault};

/// Files in a document's archive. Real ones have dozens.
const MOST_ENTRIES: usize = 10_000;
/// XML is longer than its text, but not by more than this. Bounds what an archive may unpack to.
const XML_FOR_TEXT: usize = 16;

/// The document's title and its text as Markdown; `most` bounds the text.
pub fn read(bytes: &[u8], most: usize) -> Result<Extracted, Fault> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| {
        Fault::unreadable(format!("it is no Word document, or damaged ({error})"))
    })?;
    if archive.len() > MOST_ENTRIES {
        return Err(Fault::TooLarge(format!(
            "its archive has {} files, more than {MOST_ENTRIES}",
            archive.len()
        )));
    }
    let limit = most.saturating_mul(XML_FOR_TEXT);
    let document = part(&mut archive, "word/document.xml", limit)?.ok_or_else(|| {
        Fault::unreadable("it is an archive, but no Word document (.docx): add what is in it")
    })?;
    let styles = part(&mut archive, "word/styles.xml", limit)?.unwrap_or_default();
    let core = part(&mut archive, "docProps/core.xml", limit)?.unwrap_or_default();
    let text = body::markdown(&document, &styles::headings(&styles), most)?;
    Ok(Extracted::whole(title(&core), text))
}

/// One file of the archive, at most `limit` bytes long whatever it claims.
fn part(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    name: &str,
    limit: usize,
) -> Result<Option<String>, Fault> {
    let file = match archive.by_name(name) {
        Ok(file) => file,
        Err(zip::result::ZipError::FileNotFound) => return Ok(None),
        Err(error) => {
            return Err(Fault::unreadable(format!(
                "its {name} is damaged ({error})"
            )));
        }
    };
    let mut bytes = Vec::new();
    let too_large = || Fault::TooLarge(format!("its {name} unpacks to more than {limit} bytes"));
    file.take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| match error.kind() {
            // The process has little memory: what does not fit into it is as large as what is not let in.
            ErrorKind::OutOfMemory => too_large(),
            _ => Fault::unreadable(format!("its {name} is damaged ({error})")),
        })?;
    if bytes.len() > limit {
        return Err(too_large());
    }
    super::decode(&bytes, None).map(Some)
}

/// `dc:title` of the document's properties.
fn title(core: &str) -> Option<String> {
    let mut reader = Reader::from_str(core);
    let (mut inside, mut title) = (false, String::new());
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => inside = tag.local_name().as_ref() == "title",
            Event::End(_) if inside => break,
            Event::Text(text) if inside => title.push_str(&text.xml10_content()),
            Event::GeneralRef(entity) if inside => title.extend(body::character(&entity)),
            Event::Eof => break,
            _ => {}
        }
    }
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    (!title.is_empty()).then_some(title)
}
