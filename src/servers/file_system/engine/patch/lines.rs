//! A text as lines, each with its own ending.

/// How a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// `\n`.
    Lf,
    /// `\r\n`.
    Crlf,
    /// With the file.
    None,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub text: String,
    pub end: End,
}

impl Line {
    /// The lines of `text`, which [`Line::join`] makes of them again.
    pub fn split(text: &str) -> Vec<Self> {
        text.split_inclusive('\n')
            .map(|line| {
                let (text, end) = if let Some(text) = line.strip_suffix("\r\n") {
                    (text, End::Crlf)
                } else if let Some(text) = line.strip_suffix('\n') {
                    (text, End::Lf)
                } else {
                    (line, End::None)
                };
                Self {
                    text: text.to_owned(),
                    end,
                }
            })
            .collect()
    }

    pub fn join(lines: &[Self]) -> String {
        let mut text = String::new();
        for line in lines {
            text.push_str(&line.text);
            text.push_str(match line.end {
                End::Lf => "\n",
                End::Crlf => "\r\n",
                End::None => "",
            });
        }
        text
    }
}
