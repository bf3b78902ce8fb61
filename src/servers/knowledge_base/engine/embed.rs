//! Search by meaning without a network: the embedding model in the program, and what of a chunk it reads.

pub use minilm::{Builtin, DIMENSIONS, Damaged, Tokens, WINDOW};

/// What vectors of the built-in model are kept under.
pub const MODEL: &str = "builtin/all-minilm-l6-v2";

/// What of a chunk is embedded: its text, and before it the document's title and the headings above it that it does not begin
/// with itself. They say what a passage from the middle of a document is about.
pub fn passage(title: &str, heading_path: &[String], text: &str) -> String {
    let marks = |c: char| c == '#' || c.is_whitespace();
    let begins = |with: &str| text.trim_start_matches(marks).starts_with(with);
    let mut passage = String::with_capacity(title.len() + text.len() + 1);
    let mut before = "";
    for above in std::iter::once(title).chain(heading_path.iter().map(String::as_str)) {
        let above = above.trim();
        // A number or a hash for a name says nothing, and would be read as if it did.
        let mut words = above.split(|c: char| !c.is_alphabetic());
        let says = words.any(|word| word.len() > 2);
        if says && above != before && !begins(above) {
            passage.push_str(above);
            passage.push('\n');
        }
        before = above;
    }
    passage.push_str(text);
    passage
}

#[cfg(test)]
mod tests {
    use super::passage;

    #[test]
    fn what_a_text_is_about_stands_before_it_once() {
        let path = ["Guide".to_owned(), "Leases".to_owned()];
        assert_eq!(
            passage("Guide", &path, "## Leases\n\nThey end."),
            "Guide\n## Leases\n\nThey end."
        );
        assert_eq!(
            passage("Guide", &path, "They end."),
            "Guide\nLeases\nThey end."
        );
        assert_eq!(passage("They end", &[], "They end."), "They end.");
        assert_eq!(passage("", &[], "x"), "x");
        assert_eq!(passage("17", &[], "x"), "x");
        assert_eq!(passage("検索", &[], "x"), "検索\nx");
    }
}
