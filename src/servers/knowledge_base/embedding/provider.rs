//! Who makes the vectors.

use std::sync::Arc;

use crate::{
    servers::{
        knowledge_base::{
            KnowledgeBase,
            config::{EmbeddingConfig, ProviderConfig},
            engine::embed::{self, Builtin},
        },
        llm_gateway::tools::embed::{Args, Embed},
    },
    tool::{Upkeep, prelude::*},
};

/// Bytes of a text that the gateway takes; what is beyond says little for its vector.
const MOST_BYTES: usize = 32_768;
/// Threads on which the built-in model makes vectors of documents.
const THREADS: usize = 2;
/// How much these give way to everything else.
const NICENESS: i32 = 10;

/// A maker of vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provider {
    /// The model in this program.
    Builtin,
    /// A model of llm_gateway.
    Gateway {
        /// Its name there.
        model: String,
        /// Numbers in a vector, where they were chosen.
        dimensions: Option<u32>,
    },
}

impl Provider {
    /// What the settings say; nothing for search by words alone.
    pub fn of(config: &EmbeddingConfig) -> Result<Option<Self>, ToolError> {
        let own = |key: &str| format!("/servers/knowledge_base/embedding/{key}");
        match (config.provider, &config.model) {
            (ProviderConfig::Gateway, Some(model)) if !model.is_empty() && !model.contains('@') => {
                Ok(Some(Self::Gateway {
                    model: model.clone(),
                    dimensions: config.dimensions,
                }))
            }
            (ProviderConfig::Gateway, _) => Err(ToolError::invalid(
                own("model"),
                "must name an embedding model of llm_gateway, as list_models shows it",
            )),
            (_, Some(_)) => Err(ToolError::invalid(
                own("model"),
                "is for provider = \"gateway\" alone: the built-in model is the only one of its kind",
            )),
            (ProviderConfig::Builtin, None) => Ok(Some(Self::Builtin)),
            (ProviderConfig::None, None) => Ok(None),
        }
    }

    /// `builtin` or `gateway`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Builtin => "builtin",
            Self::Gateway { .. } => "gateway",
        }
    }

    /// What its vectors are kept under: other vectors, another name.
    pub fn model(&self) -> String {
        match self {
            Self::Builtin => embed::MODEL.to_owned(),
            Self::Gateway {
                model,
                dimensions: None,
            } => format!("gateway/{model}"),
            Self::Gateway {
                model,
                dimensions: Some(n),
            } => format!("gateway/{model}@{n}"),
        }
    }

    /// The maker of the vectors that are kept under `model`.
    pub fn of_model(model: &str) -> Self {
        let Some(name) = model.strip_prefix("gateway/") else {
            return Self::Builtin;
        };
        let (model, dimensions) = match name.rsplit_once('@') {
            Some((model, n)) => (model, n.parse().ok()),
            None => (name, None),
        };
        Self::Gateway {
            model: model.to_owned(),
            dimensions,
        }
    }

    /// Most texts that it is given at once.
    pub fn batch(&self) -> usize {
        match self {
            Self::Builtin => 32,
            Self::Gateway { .. } => 64,
        }
    }

    /// The vectors of passages, in their order, each of length 1. Takes its time: searches come first.
    pub async fn passages(
        &self,
        upkeep: &Upkeep,
        payer: &Scope,
        texts: Vec<String>,
    ) -> Result<Vec<Vec<f32>>, ToolError> {
        match self {
            Self::Builtin => niced(texts).await,
            Self::Gateway { model, dimensions } => {
                let count = texts.len();
                let args = args(model, *dimensions, texts);
                let made = upkeep.call::<KnowledgeBase, Embed>(payer, args).await?;
                checked(made.embeddings, count)
            }
        }
    }

    /// The vector of what is looked for, of length 1.
    pub async fn query(&self, ctx: &Ctx, text: &str) -> Result<Vec<f32>, ToolError> {
        let made = match self {
            Self::Builtin => {
                let text = text.to_owned();
                ctx.blocking(move |_| {
                    let model = Builtin::shared().map_err(ToolError::internal)?;
                    Ok(model.embed(&[text.as_str()]))
                })
                .await?
            }
            Self::Gateway { model, dimensions } => {
                let args = args(model, *dimensions, vec![text.to_owned()]);
                checked(ctx.call::<Embed>(args).await?.embeddings, 1)?
            }
        };
        made.into_iter()
            .next()
            .ok_or_else(|| ToolError::internal("no vector came back"))
    }
}

fn args(model: &str, dimensions: Option<u32>, mut texts: Vec<String>) -> Args {
    for text in &mut texts {
        text.truncate(text.floor_char_boundary(MOST_BYTES));
    }
    Args::new(model, texts, dimensions)
}

/// `vectors`, if there are `count` of one length, brought to length 1.
fn checked(mut vectors: Vec<Vec<f32>>, count: usize) -> Result<Vec<Vec<f32>>, ToolError> {
    let dimensions = vectors.first().map_or(0, Vec::len);
    let sound = |v: &Vec<f32>| v.len() == dimensions && v.iter().all(|x| x.is_finite());
    if vectors.len() != count || dimensions == 0 || !vectors.iter().all(sound) {
        return Err(ToolError::unavailable(
            "the embedding model did not answer with one vector for each text",
        ));
    }
    for vector in &mut vectors {
        let length = vector
            .iter()
            .map(|x| x * x)
            .sum::<f32>()
            .sqrt()
            .max(f32::MIN_POSITIVE);
        for x in vector {
            *x /= length;
        }
    }
    Ok(vectors)
}

/// Runs the built-in model on threads of lower priority than all others.
async fn niced(texts: Vec<String>) -> Result<Vec<Vec<f32>>, ToolError> {
    let texts: Arc<[String]> = texts.into();
    let share = texts.len().div_ceil(THREADS).max(1);
    let parts = (0..texts.len()).step_by(share).map(|from| {
        let (texts, (tell, told)) = (Arc::clone(&texts), tokio::sync::oneshot::channel());
        let work = move || {
            // Without the right to it the thread is only less polite.
            let _denied = rustix::process::setpriority_process(None, NICENESS);
            let part: Vec<&str> = texts
                .iter()
                .skip(from)
                .take(share)
                .map(String::as_str)
                .collect();
            let made = Builtin::shared().map(|model| model.embed(&part));
            let _gone = tell.send(made.map_err(ToolError::internal));
        };
        let spawned = std::thread::Builder::new()
            .name("knowledge-embed".into())
            .spawn(work);
        async move {
            spawned?;
            told.await.map_err(ToolError::internal)?
        }
    });
    // All are spawned before the first is waited for.
    let parts: Vec<_> = parts.collect();
    Ok(futures::future::try_join_all(parts).await?.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_told_by_the_settings_and_by_what_its_vectors_are_kept_under() {
        let gateway = |dimensions| EmbeddingConfig {
            provider: ProviderConfig::Gateway,
            model: Some("openai/text-embedding-3-small".into()),
            dimensions,
        };
        for config in [
            EmbeddingConfig::default(),
            gateway(None),
            gateway(Some(256)),
        ] {
            let provider = Provider::of(&config).unwrap().unwrap();
            assert_eq!(Provider::of_model(&provider.model()), provider);
        }
        let none = EmbeddingConfig {
            provider: ProviderConfig::None,
            ..EmbeddingConfig::default()
        };
        assert_eq!(Provider::of(&none).unwrap(), None);
        let nameless = EmbeddingConfig {
            model: None,
            ..gateway(None)
        };
        assert!(Provider::of(&nameless).is_err());
    }

    #[test]
    fn vectors_are_brought_to_length_1_and_others_refused() {
        assert_eq!(checked(vec![vec![3.0, 4.0]], 1).unwrap(), [[0.6, 0.8]]);
        for wrong in [vec![], vec![vec![]], vec![vec![f32::NAN]]] {
            assert!(checked(wrong, 1).is_err());
        }
        assert!(checked(vec![vec![1.0], vec![1.0, 2.0]], 2).is_err());
    }
}
