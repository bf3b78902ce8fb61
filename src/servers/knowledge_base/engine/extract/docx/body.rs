//! `word/document.xml` into Markdown.

use quick_xml::{
    Reader,
    events::{BytesRef, BytesStart, Event},
};

use super::{
    Fault,
    styles::{Headings, level_of, value},
};

/// What is within these is no text of the document: deletions, field codes, the second copy of a drawing.
const SKIPPED: [&str; 5] = ["del", "moveFrom", "instrText", "Fallback", "sectPr"];

/// The text as Markdown, at most `most` bytes of it.
pub fn markdown(xml: &str, headings: &Headings, most: usize) -> Result<String, Fault> {
    let mut reader = Reader::from_str(xml);
    let mut writer = Writer {
        headings,
        out: String::new(),
        paragraph: Paragraph::default(),
        table: None,
        depth: 0,
    };
    let (mut skipping, mut in_text) = (0_usize, false);
    loop {
        let event = reader
            .read_event()
            .map_err(|error| Fault::unreadable(format!("its text is damaged ({error})")))?;
        match event {
            Event::Start(tag) if skipping > 0 || is_skipped(&tag) => skipping += 1,
            Event::End(_) if skipping > 0 => skipping -= 1,
            _ if skipping > 0 && !matches!(event, Event::Eof) => {}
            Event::Start(tag) => {
                in_text = tag.local_name().as_ref() == "t";
                writer.start(&tag);
            }
            Event::Empty(tag) => writer.empty(&tag),
            Event::End(tag) => {
                in_text = false;
                writer.end(tag.local_name().as_ref());
            }
            Event::Text(text) if in_text => writer.paragraph.text.push_str(&text.xml10_content()),
            Event::CData(text) if in_text => writer.paragraph.text.push_str(&text.xml10_content()),
            Event::GeneralRef(entity) if in_text => {
                writer.paragraph.text.extend(character(&entity));
            }
            Event::Eof => break,
            _ => {}
        }
        if writer.out.len() + writer.paragraph.text.len() > most {
            return Err(Fault::TooLarge(format!(
                "its text has more than {most} bytes"
            )));
        }
    }
    Ok(writer.out.trim_end().to_owned())
}

fn is_skipped(tag: &BytesStart<'_>) -> bool {
    SKIPPED.contains(&tag.local_name().as_ref())
}

/// The character that `&…;` stands for.
pub fn character(entity: &BytesRef<'_>) -> Option<char> {
    if let Ok(Some(character)) = entity.resolve_char_ref() {
        return Some(character);
    }
    Some(match &**entity {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

#[derive(Default)]
struct Paragraph {
    text: String,
    heading: Option<u8>,
    /// How deep it stands in a list.
    list: Option<usize>,
}

/// Rows of cells.
type Table = Vec<Vec<String>>;

struct Writer<'h> {
    headings: &'h Headings,
    out: String,
    paragraph: Paragraph,
    table: Option<Table>,
    /// Tables within tables: their text goes into the outer one's cell.
    depth: usize,
}

impl Writer<'_> {
    fn start(&mut self, tag: &BytesStart<'_>) {
        match tag.local_name().as_ref() {
            "tbl" => {
                self.depth += 1;
                self.table.get_or_insert_default();
            }
            "tr" if self.depth == 1 => {
                self.table.get_or_insert_default().push(Vec::new());
            }
            "tc" if self.depth == 1 => {
                if let Some(row) = self.table.as_mut().and_then(|table| table.last_mut()) {
                    row.push(String::new());
                }
            }
            "numPr" => {
                self.paragraph.list.get_or_insert(0);
            }
            _ => self.empty(tag),
        }
    }

    /// What says all in its attributes, or nothing.
    fn empty(&mut self, tag: &BytesStart<'_>) {
        match tag.local_name().as_ref() {
            "pStyle" => {
                let style = value(tag, "val").unwrap_or_default();
                self.paragraph.heading = self.headings.get(&style).copied().or(level_of(&style));
            }
            "outlineLvl" => {
                let level = value(tag, "val").and_then(|level| level.parse::<u8>().ok());
                self.paragraph.heading = level.filter(|level| *level < 9).map(|level| level + 1);
            }
            "ilvl" => {
                let level = value(tag, "val").and_then(|level| level.parse().ok());
                self.paragraph.list = level.map(|level: usize| level.min(8));
            }
            "tab" => self.paragraph.text.push('\t'),
            "br" | "cr" => self.paragraph.text.push('\n'),
            "noBreakHyphen" => self.paragraph.text.push('\u{2011}'),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "p" => self.paragraph(),
            "tbl" => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0
                    && let Some(table) = self.table.take()
                {
                    self.write_table(&table);
                }
            }
            _ => {}
        }
    }

    fn paragraph(&mut self) {
        let paragraph = std::mem::take(&mut self.paragraph);
        let text = paragraph.text.trim();
        if text.is_empty() {
            return;
        }
        if let Some(table) = &mut self.table {
            if let Some(cell) = table.last_mut().and_then(|row| row.last_mut()) {
                if !cell.is_empty() {
                    cell.push(' ');
                }
                cell.push_str(&one_line(text).replace('|', "\\|"));
            }
        } else if let Some(level) = paragraph.heading {
            let marks = "#".repeat(usize::from(level.min(6)));
            self.block(&format!("{marks} {}", one_line(text)), false);
        } else if let Some(depth) = paragraph.list {
            let item = format!("{}- {}", "  ".repeat(depth), one_line(text));
            self.block(&item, true);
        } else {
            self.block(text, false);
        }
    }

    /// Writes a block after an empty line; items of one list stand together.
    fn block(&mut self, text: &str, is_item: bool) {
        if !self.out.is_empty() {
            let last = self.out.trim_end().rsplit('\n').next().unwrap_or_default();
            let joins = is_item && last.trim_start().starts_with("- ");
            self.out.push_str(if joins { "\n" } else { "\n\n" });
        }
        self.out.push_str(text);
    }

    fn write_table(&mut self, table: &Table) {
        let columns = table.iter().map(Vec::len).max().unwrap_or(0);
        if columns == 0 {
            return;
        }
        let row = |cells: &[String]| {
            let cells = (0..columns).map(|at| cells.get(at).map_or("", String::as_str));
            format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
        };
        let mut rows = table.iter().map(|cells| row(cells));
        let mut text = rows.next().unwrap_or_default();
        text.push_str("\n|");
        text.push_str(&" --- |".repeat(columns));
        for row in rows {
            text.push('\n');
            text.push_str(&row);
        }
        self.block(&text, false);
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
