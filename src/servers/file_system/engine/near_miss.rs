//! The place in a file that looks most like what was not found.

/// A run of lines that resembles the wanted text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearMiss {
    /// First line, from 1.
    pub line: usize,
    /// The lines as they are in the file, shortened to [`MAX_TEXT`] bytes.
    pub text: String,
    /// How much of the wanted text is there, 0 to 100.
    pub percent: u8,
}

/// Longest text of a near miss, in bytes.
const MAX_TEXT: usize = 1500;
/// Below this a resemblance helps nobody.
const WORTH_SHOWING: f64 = 0.45;
/// Places that are looked at closely.
const CANDIDATES: usize = 8;

/// Finds the lines of `text` most like `wanted`. Linear in `text`: the longest wanted line is the anchor.
pub fn find(text: &str, wanted: &str) -> Option<NearMiss> {
    let wanted: Vec<&str> = wanted.trim_matches('\n').lines().collect();
    let lines: Vec<&str> = text.lines().collect();
    let (anchor_at, anchor) = wanted
        .iter()
        .enumerate()
        .max_by_key(|(_, line)| line.trim().len())?;
    let mut places: Vec<(f64, usize)> = lines
        .iter()
        .enumerate()
        .map(|(at, line)| (likeness(line, anchor), at))
        .filter(|(score, _)| *score > 0.0)
        .collect();
    places.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let (score, first) = places
        .iter()
        .take(CANDIDATES)
        .filter_map(|(_, at)| at.checked_sub(anchor_at))
        .map(|first| {
            let window = lines.iter().skip(first);
            let total: f64 = wanted
                .iter()
                .zip(window)
                .map(|(want, have)| likeness(have, want))
                .sum();
            (total / wanted.len() as f64, first)
        })
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))?;
    if score < WORTH_SHOWING {
        return None;
    }
    let mut shown = String::new();
    for line in lines.iter().skip(first).take(wanted.len()) {
        if shown.len() + line.len() > MAX_TEXT {
            break;
        }
        shown.push_str(line);
        shown.push('\n');
    }
    (!shown.is_empty()).then(|| NearMiss {
        line: first + 1,
        text: shown,
        percent: (score * 100.0).min(99.0) as u8,
    })
}

/// The part of the longer line that is a common start or a common end, 0 to 1, spaces around aside.
fn likeness(a: &str, b: &str) -> f64 {
    let (a, b) = (a.trim().as_bytes(), b.trim().as_bytes());
    let longer = a.len().max(b.len());
    if longer == 0 {
        return 1.0;
    }
    let start = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let room = a.len().min(b.len()) - start;
    let end = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take(room)
        .take_while(|(x, y)| x == y)
        .count();
    (start + end) as f64 / longer as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_alike_lines_are_shown_with_their_number() {
        let text = "fn one() {\n    call(1);\n}\nfn two() {\n    call(22);\n}\n";
        let near = find(text, "fn two() {\n    call(2);\n}").unwrap();
        assert_eq!(
            (near.line, near.text.as_str()),
            (4, "fn two() {\n    call(22);\n}\n")
        );
        assert!(near.percent > 80);
        assert_eq!(find(text, "something else altogether"), None);
        assert_eq!(find("", "x"), None);
    }
}
