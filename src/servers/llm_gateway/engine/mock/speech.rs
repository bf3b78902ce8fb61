//! An answer as it is given: word by word, as long as there is room, and until it is told to die.

use super::{
    super::{
        chat::{ChatAnswer, ChatRequest, Finish, Part, Piece, ToolCall, Usage},
        directive::Directives,
        failure::{Failure, Kind, Partial},
        upstream::Pieces,
    },
    name, pause,
    words::{count, id_of, text_of},
};

/// How far a piece of an answer got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoken {
    All,
    /// Up to a stop sequence.
    Stopped,
    /// `max_tokens` was reached before it.
    Cut,
}

/// An answer as it is given, a token a word.
pub struct Speech<'a> {
    request: &'a ChatRequest,
    orders: &'a Directives,
    pieces: Option<Pieces>,
    thoughts: String,
    text: String,
    call: Option<ToolCall>,
    tokens: u64,
    reasoning: u64,
}

impl<'a> Speech<'a> {
    pub fn new(request: &'a ChatRequest, orders: &'a Directives, pieces: Option<Pieces>) -> Self {
        Self {
            request,
            orders,
            pieces: pieces.filter(|_| request.stream),
            thoughts: String::new(),
            text: String::new(),
            call: None,
            tokens: 0,
            reasoning: 0,
        }
    }

    pub async fn think(&mut self, word: &str) -> Result<Spoken, Failure> {
        if self.token().await? {
            self.reasoning += 1;
            self.thoughts.push_str(word);
            self.give(Piece::Thinking(word.to_owned())).await;
            return Ok(Spoken::All);
        }
        Ok(Spoken::Cut)
    }

    pub async fn say(&mut self, word: &str) -> Result<Spoken, Failure> {
        if !self.token().await? {
            return Ok(Spoken::Cut);
        }
        let before = self.text.len();
        self.text.push_str(word);
        let stops = &self.request.stop;
        let found = stops
            .iter()
            .filter(|stop| !stop.is_empty())
            .filter_map(|stop| self.text.find(stop.as_str()))
            .min();
        if let Some(at) = found {
            self.text.truncate(at);
        }
        // What is before the stop sequence; nothing, where it began in an earlier word.
        let said = self.text.get(before..).unwrap_or_default().to_owned();
        if !said.is_empty() {
            self.give(Piece::Text(said)).await;
        }
        Ok(if found.is_some() {
            Spoken::Stopped
        } else {
            Spoken::All
        })
    }

    /// Calls a tool, its arguments in two pieces.
    pub async fn call(&mut self, name: &str, arguments: &str) -> Result<Spoken, Failure> {
        if !self.token().await? {
            return Ok(Spoken::Cut);
        }
        let id = id_of(name, arguments, self.request.messages.len());
        let (index, name) = (0, name.to_owned());
        self.give(Piece::ToolCall {
            index,
            id: id.clone(),
            name: name.clone(),
        })
        .await;
        self.call = Some(ToolCall {
            id,
            name,
            arguments: String::new(),
        });
        let half = arguments.char_indices().nth(arguments.chars().count() / 2);
        let (first, second) = arguments.split_at(half.map_or(0, |(at, _)| at));
        for text in [first, second] {
            if !self.token().await? {
                return Ok(Spoken::Cut);
            }
            if let Some(call) = &mut self.call {
                call.arguments.push_str(text);
            }
            self.give(Piece::Arguments {
                index,
                text: text.to_owned(),
            })
            .await;
        }
        Ok(Spoken::All)
    }

    /// Waits for the next token; no where there is room for none.
    async fn token(&mut self) -> Result<bool, Failure> {
        let most = self.request.max_tokens.map_or(u64::MAX, u64::from);
        if self.tokens >= most {
            return Ok(false);
        }
        if self.orders.die == Some(self.tokens as usize) {
            let died = Failure::new(Kind::Truncated, "the mock provider died as it was told to");
            let partial = (self.tokens > 0).then(|| {
                Box::new(Partial {
                    text: self.text.clone(),
                    usage: self.usage(),
                })
            });
            return Err(Failure { partial, ..died });
        }
        if self.tokens > 0 {
            pause(self.orders.itl).await;
        }
        self.tokens += 1;
        Ok(true)
    }

    async fn give(&self, piece: Piece) {
        if let Some(pieces) = &self.pieces {
            // Without a reader the answer still has all of it.
            let _ = pieces.send(piece).await;
        }
    }

    fn usage(&self) -> Usage {
        if self.orders.nousage {
            return Usage::default();
        }
        let input = self
            .request
            .messages
            .iter()
            .flat_map(|message| &message.parts);
        Usage {
            input: Some(input.map(|part| count(&text_of(part))).sum()),
            output: Some(self.tokens),
            reasoning: (self.reasoning > 0).then_some(self.reasoning),
            ..Usage::default()
        }
    }

    pub fn end(self, spoken: Spoken) -> ChatAnswer {
        let usage = self.usage();
        let finish = match spoken {
            Spoken::Cut => Finish::Length,
            Spoken::Stopped => Finish::StopSequence,
            Spoken::All if self.call.is_some() => Finish::ToolCalls,
            Spoken::All => Finish::Stop,
        };
        let thinking = (!self.thoughts.is_empty()).then_some(Part::Thinking {
            text: self.thoughts,
            signature: None,
        });
        let text = (!self.text.is_empty()).then(|| Part::text(self.text));
        let call = self.call.map(Part::ToolCall);
        ChatAnswer {
            parts: [thinking, text, call].into_iter().flatten().collect(),
            finish,
            stop_sequence: None,
            usage,
            model: Some(name(&self.request.model).to_owned()),
        }
    }
}
