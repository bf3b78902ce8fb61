//! Web pages into Markdown: headings, lists, tables and code stay; scripts, styles and navigation go; of a link its text.

use std::sync::{Arc, Mutex, PoisonError};

use htmd::{
    Element, HtmlToMarkdown,
    element_handler::Handlers,
    options::{BulletListMarker, Options},
};

use super::{Extracted, Fault};

/// What is on a page but not in its text.
const DROPPED: [&str; 15] = [
    "script", "style", "nav", "noscript", "template", "iframe", "svg", "canvas", "button",
    "select", "input", "textarea", "dialog", "audio", "video",
];

/// How deep elements may be nested; browsers stop there too.
const MOST_DEPTH: usize = 512;

/// Elements that hold nothing, or that often go without an end and are ended by the next.
const ENDED: [&str; 32] = [
    "area", "base", "body", "br", "col", "colgroup", "dd", "dt", "embed", "head", "hr", "html",
    "img", "input", "li", "link", "meta", "optgroup", "option", "p", "param", "rp", "rt", "source",
    "tbody", "td", "tfoot", "th", "thead", "tr", "track", "wbr",
];

/// Elements whose content is no page.
const RAW: [&str; 4] = ["script", "style", "textarea", "svg"];

/// How deep elements are nested, as their tags say.
fn depth(page: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    // In a script `a<b` opens nothing.
    let mut raw = None;
    for part in page.split('<').skip(1) {
        let (closes, part) = match part.strip_prefix('/') {
            Some(part) => (true, part),
            None => (false, part),
        };
        let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        let name = part.get(..end.unwrap_or(part.len())).unwrap_or_default();
        if let Some(of) = raw {
            if closes && name.eq_ignore_ascii_case(of) {
                raw = None;
            }
            continue;
        }
        if !closes {
            raw = RAW.into_iter().find(|one| one.eq_ignore_ascii_case(name));
        }
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic());
        if !starts || raw.is_some() || ENDED.iter().any(|one| one.eq_ignore_ascii_case(name)) {
            continue;
        }
        if closes {
            depth = depth.saturating_sub(1);
        } else {
            depth += 1;
            deepest = deepest.max(depth);
        }
    }
    deepest
}

/// The page's title and its text as Markdown.
pub fn read(page: &str) -> Result<Extracted, Fault> {
    // Reading takes time with the square of the depth.
    if depth(page) > MOST_DEPTH {
        return Err(Fault::unreadable(format!(
            "its elements are nested more than {MOST_DEPTH} deep: give its text"
        )));
    }
    let title = Arc::new(Mutex::new(None));
    let found = Arc::clone(&title);
    let keep_title = move |handlers: &dyn Handlers, element: Element| {
        let text = words(&handlers.walk_children(element.node).content);
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        found.get_or_insert(text);
        None
    };
    let inside =
        |handlers: &dyn Handlers, element: Element| Some(handlers.walk_children(element.node));
    let table = |handlers: &dyn Handlers, element: Element| {
        let made = handlers.fallback(element)?;
        Some(narrow(&made.content).into())
    };
    let picture = |_: &dyn Handlers, element: Element| {
        let alt = element.attrs.iter().find(|one| &*one.name.local == "alt")?;
        Some(words(&alt.value).into())
    };
    let markdown = HtmlToMarkdown::builder()
        .options(Options {
            bullet_list_marker: BulletListMarker::Dash,
            ul_bullet_spacing: 1,
            ol_number_spacing: 1,
            ..Options::default()
        })
        .add_handler(vec!["title"], keep_title)
        .add_handler(vec!["a"], inside)
        .add_handler(vec!["img"], picture)
        .add_handler(vec!["table"], table)
        .skip_tags(DROPPED.to_vec())
        .build();
    let text = markdown
        .convert(page)
        .map_err(|error| Fault::unreadable(format!("it is no web page ({error})")))?;
    let title = title.lock().unwrap_or_else(PoisonError::into_inner).take();
    let title = title.filter(|title: &String| !title.is_empty());
    Ok(Extracted::whole(title, text))
}

/// A table without the blanks that make its columns as wide as their longest cell: they can be most of it.
fn narrow(table: &str) -> String {
    let mut out = String::with_capacity(table.len());
    for line in table.split_inclusive('\n') {
        let mut last = None;
        let mut run = 0;
        for c in line.chars() {
            run = if last == Some(c) { run + 1 } else { 1 };
            last = Some(c);
            let most = match c {
                ' ' => 1,
                '-' => 3,
                _ => usize::MAX,
            };
            if !line.starts_with('|') || run <= most {
                out.push(c);
            }
        }
    }
    out
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The encoding that a page names in itself, as browsers look for it: within its first 1024 bytes.
pub fn charset(bytes: &[u8]) -> Option<&str> {
    let head = bytes.get(..1024.min(bytes.len()))?;
    let at = head
        .windows(8)
        .position(|word| word.eq_ignore_ascii_case(b"charset="))?;
    let label = head.get(at + 8..)?;
    let label = label.strip_prefix(b"\"").unwrap_or(label);
    let label = label.strip_prefix(b"'").unwrap_or(label);
    let end = label
        .iter()
        .position(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'_' | b':'))
        .unwrap_or(label.len());
    std::str::from_utf8(label.get(..end)?).ok()
}
