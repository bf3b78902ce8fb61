//! Usage as providers write it, each class of tokens made what [`Usage`] means by it.

use serde::{Deserialize, Deserializer};

use super::super::{chat::Usage, prices::Mode};

/// Of chat completions and embeddings.
#[derive(Debug, Default, Deserialize)]
pub struct Openai {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    total_tokens: Option<u64>,
    prompt_tokens_details: Option<InputDetails>,
    completion_tokens_details: Option<OutputDetails>,
    /// DeepSeek's word for cached tokens.
    prompt_cache_hit_tokens: Option<u64>,
}

/// Of responses.
#[derive(Debug, Default, Deserialize)]
pub struct Responses {
    input_tokens: Option<u64>,
    input_tokens_details: Option<InputDetails>,
    output_tokens: Option<u64>,
    output_tokens_details: Option<OutputDetails>,
}

/// Of messages: cumulative, and in several events.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
pub struct Anthropic {
    /// Without what was read from the cache or written to it.
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreation>,
    output_tokens: Option<u64>,
    #[serde(default, deserialize_with = "tier")]
    service_tier: Option<Mode>,
}

/// Reads a `service_tier`.
pub fn tier<'de, D: Deserializer<'de>>(json: D) -> Result<Option<Mode>, D::Error> {
    let word = Option::<String>::deserialize(json)?;
    Ok(word.as_deref().and_then(Mode::of_tier))
}

#[derive(Debug, Default, Deserialize)]
struct InputDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
struct OutputDetails {
    reasoning_tokens: Option<u64>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
struct CacheCreation {
    ephemeral_1h_input_tokens: Option<u64>,
}

impl From<Openai> for Usage {
    fn from(said: Openai) -> Self {
        let reasoning = said
            .completion_tokens_details
            .and_then(|details| details.reasoning_tokens);
        let details = said.prompt_tokens_details.unwrap_or_default();
        // xAI counts reasoning beside the completion, which only the total tells.
        let beside = match (
            said.prompt_tokens,
            said.completion_tokens,
            said.total_tokens,
        ) {
            (Some(input), Some(output), Some(total)) => {
                reasoning.filter(|reasoning| *reasoning > 0 && input + output + reasoning == total)
            }
            _ => None,
        };
        Self {
            input: said.prompt_tokens,
            cached: details.cached_tokens.or(said.prompt_cache_hit_tokens),
            written: details.cache_write_tokens,
            output: said
                .completion_tokens
                .map(|output| output + beside.unwrap_or_default()),
            reasoning,
            ..Self::default()
        }
    }
}

impl From<Responses> for Usage {
    fn from(said: Responses) -> Self {
        let details = said.input_tokens_details.unwrap_or_default();
        Self {
            input: said.input_tokens,
            cached: details.cached_tokens,
            written: details.cache_write_tokens,
            output: said.output_tokens,
            reasoning: said
                .output_tokens_details
                .and_then(|details| details.reasoning_tokens),
            ..Self::default()
        }
    }
}

impl Anthropic {
    /// Takes what a later event says.
    pub fn update(&mut self, later: Self) {
        self.input_tokens = later.input_tokens.or(self.input_tokens);
        self.cache_creation_input_tokens = later
            .cache_creation_input_tokens
            .or(self.cache_creation_input_tokens);
        self.cache_read_input_tokens = later
            .cache_read_input_tokens
            .or(self.cache_read_input_tokens);
        self.cache_creation = later.cache_creation.or(self.cache_creation);
        self.output_tokens = later.output_tokens.or(self.output_tokens);
        self.service_tier = later.service_tier.or(self.service_tier);
    }

    /// How the request was served, where that is said.
    pub fn mode(&self) -> Option<Mode> {
        self.service_tier
    }
}

impl From<Anthropic> for Usage {
    fn from(said: Anthropic) -> Self {
        let beside = said.cache_creation_input_tokens.unwrap_or_default()
            + said.cache_read_input_tokens.unwrap_or_default();
        Self {
            input: said.input_tokens.map(|fresh| fresh + beside),
            cached: said.cache_read_input_tokens,
            written: said.cache_creation_input_tokens,
            written_1h: said
                .cache_creation
                .and_then(|creation| creation.ephemeral_1h_input_tokens),
            output: said.output_tokens,
            reasoning: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn classes_mean_the_same_everywhere() {
        let openai: Openai = from_value(json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 3}})).unwrap();
        let expected = Usage {
            input: Some(10),
            cached: Some(4),
            output: Some(5),
            reasoning: Some(3),
            ..Usage::default()
        };
        assert_eq!(Usage::from(openai), expected);
        let xai: Openai = from_value(json!({"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 3}})).unwrap();
        assert_eq!(Usage::from(xai), expected);
        let deepseek: Openai =
            from_value(json!({"prompt_tokens": 10, "prompt_cache_hit_tokens": 4})).unwrap();
        assert_eq!(Usage::from(deepseek).cached, Some(4));
        let responses: Responses = from_value(
            json!({"input_tokens": 10, "input_tokens_details": {"cached_tokens": 4},
            "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 3}}),
        )
        .unwrap();
        assert_eq!(Usage::from(responses), expected);
    }

    #[test]
    fn anthropics_usage_is_cumulative_and_counts_the_cache_apart() {
        let mut usage: Anthropic = from_value(json!({"input_tokens": 10, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 1000,
            "cache_creation": {"ephemeral_5m_input_tokens": 60, "ephemeral_1h_input_tokens": 40}, "output_tokens": 1})).unwrap();
        usage.update(from_value(json!({"output_tokens": 7})).unwrap());
        usage.update(from_value(json!({"output_tokens": 9, "input_tokens": 12})).unwrap());
        let expected = Usage {
            input: Some(1112),
            cached: Some(1000),
            written: Some(100),
            written_1h: Some(40),
            output: Some(9),
            reasoning: None,
        };
        assert_eq!(Usage::from(usage), expected);
    }
}
