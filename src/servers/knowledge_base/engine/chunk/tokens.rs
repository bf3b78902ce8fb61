//! How many tokens a text has, about.

/// Characters of a word that make one token, on average beyond the first.
const PIECE: usize = 5;

/// About the tokens that a WordPiece vocabulary of English makes of `text`: a word is one or more pieces, every mark one,
/// every ideograph one.
pub fn estimate(text: &str) -> u32 {
    let (mut tokens, mut word) = (0_usize, 0_usize);
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c.is_alphabetic() && (c as u32) < 0x2e80 {
            word += 1;
            continue;
        }
        tokens += pieces(word);
        word = 0;
        tokens += usize::from(!c.is_whitespace());
    }
    u32::try_from(tokens + pieces(word)).unwrap_or(u32::MAX)
}

fn pieces(word: usize) -> usize {
    match word {
        0 => 0,
        1..=8 => 1,
        more => more.div_ceil(PIECE),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_marks_and_ideographs_count() {
        for (text, tokens) in [
            ("", 0),
            ("a lease expires.", 4),
            ("fn main() {}", 6),
            ("internationalisation", 4),
            ("日本 go", 3),
        ] {
            assert_eq!(super::estimate(text), tokens, "{text}");
        }
    }
}
