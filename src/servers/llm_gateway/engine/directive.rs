//! What the `mock` provider is told to do: `ttft=50,itl=5,tok=20,status=429,retry=7,die=5,nousage,hang`.
//!
//! Written after the model, `mock/echo:status=429,retry=7`, or as a word of the last message, `mock:hang`.

use std::time::Duration;

/// How a mock answer goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directives {
    /// Time to the first token.
    pub ttft: Duration,
    /// Time between tokens.
    pub itl: Duration,
    /// Tokens of the answer of `mock/lorem`.
    pub tok: Option<usize>,
    /// Answer with this HTTP status.
    pub status: Option<u16>,
    /// With `Retry-After`, in seconds.
    pub retry: Option<u64>,
    /// Break off after so many tokens.
    pub die: Option<usize>,
    /// Report no usage.
    pub nousage: bool,
    /// Never answer.
    pub hang: bool,
}

impl Directives {
    /// Reads directives; the error says which one makes no sense.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut out = Self::default();
        for item in text.split(',').filter(|item| !item.is_empty()) {
            let (name, value) = item.split_once('=').unwrap_or((item, ""));
            let number = || {
                let number = value
                    .parse::<u64>()
                    .ok()
                    .filter(|number| *number <= 600_000);
                number.ok_or_else(|| {
                    format!("`{name}` needs a whole number up to 600000, as in `{name}=5`")
                })
            };
            match name {
                "ttft" => out.ttft = Duration::from_millis(number()?),
                "itl" => out.itl = Duration::from_millis(number()?),
                "tok" => out.tok = Some(number()?.min(20_000) as usize),
                "status" => {
                    out.status =
                        Some(u16::try_from(number()?).map_err(|_| "no such status".to_owned())?);
                }
                "retry" => out.retry = Some(number()?),
                "die" => out.die = Some(number()? as usize),
                "nousage" => out.nousage = true,
                "hang" => out.hang = true,
                _ => {
                    return Err(format!(
                        "`{name}` is no directive; known are ttft, itl, tok, status, retry, die, nousage, hang"
                    ));
                }
            }
        }
        Ok(out)
    }

    /// Directives after the model's name, or else in the message.
    pub fn find(model: &str, message: &str) -> Result<Self, String> {
        if let Some((_, text)) = model.split_once(':') {
            return Self::read(text);
        }
        let word = message
            .split_whitespace()
            .find_map(|word| word.strip_prefix("mock:"));
        word.map_or_else(|| Ok(Self::default()), Self::read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_all_of_them() {
        let all =
            Directives::read("ttft=50,itl=5,tok=20,status=429,retry=7,die=5,nousage,hang").unwrap();
        let expected = Directives {
            ttft: Duration::from_millis(50),
            itl: Duration::from_millis(5),
            tok: Some(20),
            status: Some(429),
            retry: Some(7),
            die: Some(5),
            nousage: true,
            hang: true,
        };
        assert_eq!(all, expected);
        assert!(Directives::read("status=abc").is_err() && Directives::read("bogus").is_err());
    }

    #[test]
    fn the_model_comes_before_the_message() {
        assert!(Directives::find("echo:hang", "mock:nousage").unwrap().hang);
        assert!(
            Directives::find("echo", "please mock:nousage now")
                .unwrap()
                .nousage
        );
        assert_eq!(
            Directives::find("echo", "about mock: servers").unwrap(),
            Directives::default()
        );
    }
}
