//! What the `mock` provider is told to do: `ttft=50,itl=5,tok=20,status=429,retry=7,die=5,nousage,hang`, and to rehearse agents
//! `think=9,tool=get_weather,args={"city": "Paris"}`.
//!
//! Written after the model, `mock/echo:status=429,retry=7`, or as a word of the last message, `mock:hang`.

use std::time::Duration;

use serde::de::IgnoredAny;

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
    /// Words of thinking before the answer.
    pub think: usize,
    /// Call this tool instead of saying something.
    pub tool: Option<String>,
    /// The arguments of that call: JSON, with spaces and commas as it likes.
    pub args: Option<String>,
}

impl Directives {
    /// Reads directives; the error says which one makes no sense.
    pub fn read(text: &str) -> Result<Self, String> {
        match Self::begin(text)? {
            (directives, "") => Ok(directives),
            (_, rest) => Err(format!("directives end before `{rest}`")),
        }
    }

    /// Directives after the model's name, or else in the message.
    pub fn find(model: &str, message: &str) -> Result<Self, String> {
        if let Some((_, text)) = model.split_once(':') {
            return Self::read(text);
        }
        let starts = |(at, mark): (usize, &str)| {
            let (before, from) = message.split_at_checked(at)?;
            let is_word = before.is_empty() || before.ends_with(char::is_whitespace);
            is_word.then(|| from.strip_prefix(mark)).flatten()
        };
        let text = message.match_indices("mock:").find_map(starts);
        let begun = text.map_or_else(|| Ok((Self::default(), "")), Self::begin);
        begun.map(|(directives, _)| directives)
    }

    /// Reads the directives at the beginning of `text`, and answers with what is after them.
    fn begin(text: &str) -> Result<(Self, &str), String> {
        let (mut out, mut rest) = (Self::default(), text);
        loop {
            if let Some(json) = rest.strip_prefix("args=") {
                let (args, after) = value(json)?;
                (out.args, rest) = (Some(args), after);
            } else {
                let end = rest.find(|c: char| c == ',' || c.is_whitespace());
                let (item, after) = rest.split_at(end.unwrap_or(rest.len()));
                out.take(item)?;
                rest = after;
            }
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => return Ok((out, rest)),
            }
        }
    }

    fn take(&mut self, item: &str) -> Result<(), String> {
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
            "" => {}
            "ttft" => self.ttft = Duration::from_millis(number()?),
            "itl" => self.itl = Duration::from_millis(number()?),
            "tok" => self.tok = Some(number()?.min(20_000) as usize),
            "think" => self.think = number()?.min(20_000) as usize,
            "status" => {
                let status = u16::try_from(number()?).map_err(|_| "no such status".to_owned())?;
                self.status = Some(status);
            }
            "retry" => self.retry = Some(number()?),
            "die" => self.die = Some(number()? as usize),
            "tool" if value.is_empty() => {
                return Err("`tool` needs a name, as in `tool=get_weather`".to_owned());
            }
            "tool" => self.tool = Some(value.to_owned()),
            "nousage" => self.nousage = true,
            "hang" => self.hang = true,
            _ => {
                return Err(format!(
                    "`{name}` is no directive; known are ttft, itl, tok, think, status, retry, die, tool, args, nousage, hang"
                ));
            }
        }
        Ok(())
    }
}

/// The JSON value at the beginning of `text`, as it is written, and what is after it.
fn value(text: &str) -> Result<(String, &str), String> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    match values.next() {
        Some(Ok(_)) => {
            let (json, after) = text.split_at(values.byte_offset());
            Ok((json.to_owned(), after))
        }
        _ => {
            Err("`args` needs JSON, as in `tool=get_weather,args={\"city\":\"Paris\"}`".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_all_of_them() {
        let all = Directives::read(
            "ttft=50,itl=5,tok=20,status=429,retry=7,die=5,nousage,hang,think=3,tool=f,args=[1, 2]",
        )
        .unwrap();
        let expected = Directives {
            ttft: Duration::from_millis(50),
            itl: Duration::from_millis(5),
            tok: Some(20),
            status: Some(429),
            retry: Some(7),
            die: Some(5),
            nousage: true,
            hang: true,
            think: 3,
            tool: Some("f".to_owned()),
            args: Some("[1, 2]".to_owned()),
        };
        assert_eq!(all, expected);
        for wrong in [
            "status=abc",
            "bogus",
            "tool=",
            "args=x",
            "args=",
            "hang now",
            "args={}x",
        ] {
            assert!(Directives::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn arguments_end_where_their_json_ends() {
        let text = r#"please mock:tool=f,args={"city": "Paris, France"},nousage and then"#;
        let found = Directives::find("echo", text).unwrap();
        assert_eq!(found.args.as_deref(), Some(r#"{"city": "Paris, France"}"#));
        assert!(found.nousage && found.tool.as_deref() == Some("f"));
        let empty = Directives::find("echo", "a smock:hang").unwrap();
        assert_eq!(empty, Directives::default());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken(text in "\\PC{0,40}") {
            let _ = (Directives::read(&text), Directives::find("echo", &format!("mock:args={text}")));
        }
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
