//! The kinds of providers, where they are, and what each is reached through.

use std::{path::PathBuf, sync::Arc, time::Duration};

use genai::adapter::AdapterKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    foreign::Foreign,
    http::{
        Auth, Http, Timeouts,
        address::{self, Reach},
    },
    native::{Native, Responses, Tongue},
    secret::Keeper,
    upstream::Upstream,
};

/// What a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// OpenAI, and every server that is compatible with it: set `base_url` for those.
    Openai,
    /// Anthropic, and what is compatible with its messages.
    Anthropic,
    Gemini,
    /// Google's Vertex AI. Its `base_url` names project and location; its key is an access token.
    Vertex,
    /// Amazon Bedrock, with a Bedrock API key; in `us-east-1` unless `base_url` names another region.
    Bedrock,
    Cohere,
    Ollama,
    Vllm,
    Groq,
    Mistral,
    Deepseek,
    Xai,
    Together,
    Fireworks,
    Openrouter,
}

/// Whether a provider is asked for `/responses`, or gets chat completions instead.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponsesMode {
    /// OpenAI itself is; others are until they say that they do not know it.
    #[default]
    Auto,
    Native,
    Translate,
}

/// One provider's settings.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    pub kind: ProviderKind,
    /// Up to and with the version; its public address unless given.
    pub base_url: Option<String>,
    pub key_env: Option<String>,
    pub key_file: Option<PathBuf>,
    pub connect_timeout: Duration,
    pub first_byte_timeout: Duration,
    pub idle_timeout: Duration,
    /// Whether its name may lead to a private address.
    pub allow_private: bool,
    pub responses: ResponsesMode,
}

/// The provider called `name`. Nothing is asked over the network; the error names the setting that is wrong.
pub fn build(name: &str, settings: &ProviderSettings) -> Result<Arc<dyn Upstream>, String> {
    let ProviderSettings {
        kind,
        key_env,
        key_file,
        ..
    } = settings;
    if key_env.is_some() && key_file.is_some() {
        return Err("api_key_file: give api_key_env or api_key_file, not both".to_owned());
    }
    let base = settings.base_url.as_deref().or(kind.base_url());
    let base = base.ok_or_else(|| {
        format!(
            "base_url: provider {name} needs one, as in https://us-central1-aiplatform.googleapis.com/v1/projects/PROJECT/locations/us-central1"
        )
    })?;
    let mut url = address::check_url(base)?;
    if url.path() == "/" && matches!(kind.way(), Way::Native(_)) {
        url.set_path("/v1");
    }
    let reach = if settings.allow_private {
        Reach::Private
    } else {
        address::reach_of(&url)
    };
    let keeper = Keeper::new(key_env.clone(), key_file.clone());
    let timeouts = Timeouts {
        connect: settings.connect_timeout,
        first_byte: settings.first_byte_timeout,
        idle: settings.idle_timeout,
    };
    Ok(match kind.way() {
        Way::Native(tongue) => {
            let auth = match tongue {
                Tongue::Openai { .. } => Auth::Bearer,
                Tongue::Anthropic => Auth::Anthropic,
            };
            let itself = *kind == ProviderKind::Openai && settings.base_url.is_none();
            let responses = match settings.responses {
                ResponsesMode::Native => Responses::Yes,
                ResponsesMode::Translate => Responses::No,
                ResponsesMode::Auto if itself => Responses::Yes,
                ResponsesMode::Auto => Responses::Unknown,
            };
            let http = Http::new(url, auth, keeper, timeouts, reach);
            Arc::new(Native::new(http, tongue, responses))
        }
        Way::Foreign(adapter) => Arc::new(Foreign::new(adapter, url, keeper, timeouts, reach)),
    })
}

/// What a kind is reached through.
enum Way {
    Native(Tongue),
    Foreign(AdapterKind),
}

impl ProviderKind {
    /// The word for it in config.toml, and in the table of prices.
    pub fn word(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Vertex => "vertex",
            Self::Bedrock => "bedrock",
            Self::Cohere => "cohere",
            Self::Ollama => "ollama",
            Self::Vllm => "vllm",
            Self::Groq => "groq",
            Self::Mistral => "mistral",
            Self::Deepseek => "deepseek",
            Self::Xai => "xai",
            Self::Together => "together",
            Self::Fireworks => "fireworks",
            Self::Openrouter => "openrouter",
        }
    }

    /// The names of models by which everybody knows such a provider, as patterns.
    pub fn serves(self) -> &'static [&'static str] {
        match self {
            Self::Openai => &[
                "gpt-*",
                "chatgpt-*",
                "o1*",
                "o3*",
                "o4*",
                "codex-*",
                "text-embedding-*",
            ],
            Self::Anthropic => &["claude-*"],
            Self::Gemini => &["gemini-*"],
            _ => &[],
        }
    }

    fn way(self) -> Way {
        match self {
            Self::Anthropic => Way::Native(Tongue::Anthropic),
            Self::Gemini => Way::Foreign(AdapterKind::Gemini),
            Self::Vertex => Way::Foreign(AdapterKind::Vertex),
            Self::Bedrock => Way::Foreign(AdapterKind::BedrockApi),
            // They refuse to be asked for usage. Mistral tells it unasked.
            Self::Mistral | Self::Cohere => Way::Native(Tongue::Openai {
                stream_options: false,
            }),
            _ => Way::Native(Tongue::Openai {
                stream_options: true,
            }),
        }
    }

    /// Its public address, or where it listens on this machine.
    pub fn base_url(self) -> Option<&'static str> {
        Some(match self {
            Self::Openai => "https://api.openai.com/v1",
            Self::Anthropic => "https://api.anthropic.com/v1",
            Self::Gemini => "https://generativelanguage.googleapis.com/v1beta",
            Self::Vertex => return None,
            Self::Bedrock => "https://bedrock-runtime.us-east-1.amazonaws.com",
            Self::Cohere => "https://api.cohere.ai/compatibility/v1",
            Self::Ollama => "http://localhost:11434/v1",
            Self::Vllm => "http://localhost:8000/v1",
            Self::Groq => "https://api.groq.com/openai/v1",
            Self::Mistral => "https://api.mistral.ai/v1",
            Self::Deepseek => "https://api.deepseek.com/v1",
            Self::Xai => "https://api.x.ai/v1",
            Self::Together => "https://api.together.xyz/v1",
            Self::Fireworks => "https://api.fireworks.ai/inference/v1",
            Self::Openrouter => "https://openrouter.ai/api/v1",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::llm_gateway::engine::upstream::Operation;

    fn settings(kind: ProviderKind) -> ProviderSettings {
        ProviderSettings {
            kind,
            base_url: None,
            key_env: None,
            key_file: None,
            connect_timeout: Duration::from_secs(1),
            first_byte_timeout: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(1),
            allow_private: false,
            responses: ResponsesMode::Auto,
        }
    }

    #[test]
    fn what_a_kind_relays_is_its_own_dialect() {
        let relays = |settings: &ProviderSettings| {
            let built = build("p", settings).unwrap();
            [
                Operation::ChatCompletions,
                Operation::Responses,
                Operation::Embeddings,
                Operation::Messages,
                Operation::CountTokens,
            ]
            .map(|operation| built.relays(operation))
        };
        assert_eq!(
            relays(&settings(ProviderKind::Openai)),
            [true, true, true, false, false]
        );
        assert_eq!(
            relays(&settings(ProviderKind::Anthropic)),
            [false, false, false, true, true]
        );
        assert_eq!(relays(&settings(ProviderKind::Gemini)), [false; 5]);
        let translated = ProviderSettings {
            responses: ResponsesMode::Translate,
            ..settings(ProviderKind::Groq)
        };
        assert_eq!(relays(&translated), [true, false, true, false, false]);
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let error = |change: &dyn Fn(&mut ProviderSettings)| {
            let mut settings = settings(ProviderKind::Vertex);
            change(&mut settings);
            build("p", &settings).err().unwrap()
        };
        assert!(error(&|_| {}).starts_with("base_url: provider p needs one"));
        assert!(
            error(&|s| s.base_url = Some("http://169.254.169.254".into())).starts_with("base_url")
        );
        let both = error(&|s| (s.key_env, s.key_file) = (Some("A".into()), Some("b".into())));
        assert!(both.starts_with("api_key_file"));
    }
}
