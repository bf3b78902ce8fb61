//! Embeddings. <https://platform.openai.com/docs/api-reference/embeddings>

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{
    super::{BadRequest, Meta, node::Node, set, trouble},
    answer::read_usage,
};
use crate::servers::llm_gateway::engine::{
    chat::{EmbedAnswer, EmbedRequest},
    failure::Failure,
};

/// Most texts in one request, as OpenAI has it.
const MAX_INPUTS: usize = 2048;

/// Reads a request, and whether the vectors shall come as base64, as the Python SDK asks by default.
pub fn read_embed(body: &Value) -> Result<(EmbedRequest, bool), BadRequest> {
    let root = Node::root(body);
    let format = root.read("encoding_format", |format| match format.str()? {
        "float" => Ok(false),
        "base64" => Ok(true),
        _ => Err(format.bad("must be float or base64")),
    })?;
    let input = root.need("input")?;
    let inputs = match input.value() {
        Value::String(text) => vec![text.clone()],
        _ => input.list(text)?,
    };
    if inputs.is_empty() || inputs.len() > MAX_INPUTS {
        return Err(input.bad(format!("must be 1 to {MAX_INPUTS} texts")));
    }
    let request = EmbedRequest {
        model: root.need("model")?.string()?,
        inputs,
        dimensions: root.read("dimensions", Node::count)?,
    };
    Ok((request, format.unwrap_or_default()))
}

fn text(node: &Node) -> Result<String, BadRequest> {
    match node.value() {
        Value::Number(_) | Value::Array(_) => {
            Err(node.bad("tokens mean another thing to every model: send texts"))
        }
        _ => node.string(),
    }
}

/// Writes an answer; base64 is of 32 bit floats, little-endian.
pub fn write_embed(meta: &Meta, answer: &EmbedAnswer, base64: bool) -> Value {
    let vector = |vector: &Vec<f32>| {
        if base64 {
            let bytes: Vec<u8> = vector
                .iter()
                .flat_map(|number| number.to_le_bytes())
                .collect();
            return json!(STANDARD.encode(bytes));
        }
        json!(vector)
    };
    let vectors = answer.vectors.iter().enumerate();
    let data: Vec<Value> = vectors
        .map(|(index, numbers)| {
            json!({ "object": "embedding", "index": index, "embedding": vector(numbers) })
        })
        .collect();
    let tokens = answer.usage.input.unwrap_or(0);
    json!({
        "object": "list",
        "data": data,
        "model": meta.model,
        "usage": { "prompt_tokens": tokens, "total_tokens": tokens },
    })
}

/// Writes a request for a provider. Vectors shall come as numbers: not every server knows base64.
pub fn write_embed_request(request: &EmbedRequest) -> Value {
    let mut body = Map::new();
    body.insert("model".into(), json!(request.model));
    body.insert("input".into(), json!(request.inputs));
    set(&mut body, "dimensions", request.dimensions);
    body.insert("encoding_format".into(), json!("float"));
    Value::Object(body)
}

/// Reads a provider's answer, in the order of its `index`es.
pub fn read_embed_answer(body: &Value) -> Result<EmbedAnswer, Failure> {
    if let Some(error) = body.get("error").filter(|error| !error.is_null()) {
        return Err(trouble::read(error));
    }
    let data = body.get("data").and_then(Value::as_array);
    let data = data.ok_or_else(|| trouble::nonsense("there is no data in it"))?;
    let mut vectors = Vec::with_capacity(data.len());
    for (position, item) in data.iter().enumerate() {
        let index = item.get("index").and_then(Value::as_u64);
        let vector = item.get("embedding").and_then(read_vector);
        let vector = vector.ok_or_else(|| trouble::nonsense("an embedding is no vector"))?;
        vectors.push((index.unwrap_or(position as u64), vector));
    }
    vectors.sort_by_key(|(index, _)| *index);
    Ok(EmbedAnswer {
        vectors: vectors.into_iter().map(|(_, vector)| vector).collect(),
        usage: body.get("usage").map(read_usage).unwrap_or_default(),
    })
}

fn read_vector(value: &Value) -> Option<Vec<f32>> {
    match value {
        Value::Array(numbers) => numbers
            .iter()
            .map(|number| number.as_f64().map(|number| number as f32))
            .collect(),
        Value::String(text) => {
            let bytes = STANDARD.decode(text).ok()?;
            let (numbers, rest) = bytes.as_chunks::<4>();
            let read = |number: &[u8; 4]| f32::from_le_bytes(*number);
            rest.is_empty().then(|| numbers.iter().map(read).collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::llm_gateway::engine::chat::Usage;

    fn answer() -> EmbedAnswer {
        EmbedAnswer {
            vectors: vec![vec![1.0, -0.5], vec![0.25, 3.0]],
            usage: Usage {
                input: Some(7),
                ..Usage::default()
            },
        }
    }

    #[test]
    fn requests_have_texts() {
        let one = json!({ "model": "m", "input": "hi", "encoding_format": "base64", "user": "u" });
        let (request, base64) = read_embed(&one).unwrap();
        assert_eq!((request.inputs, base64), (vec!["hi".to_owned()], true));
        let two = json!({ "model": "m", "input": ["a", "b"], "dimensions": 8 });
        let (request, base64) = read_embed(&two).unwrap();
        assert_eq!(
            (request.inputs.len(), request.dimensions, base64),
            (2, Some(8), false)
        );
        assert_eq!(
            write_embed_request(&request),
            json!({ "model": "m", "input": ["a", "b"], "dimensions": 8, "encoding_format": "float" })
        );
        for (input, param) in [
            (json!([1, 2]), "input[0]"),
            (json!([[1, 2]]), "input[0]"),
            (json!(["a", 2]), "input[1]"),
            (json!([]), "input"),
            (json!({}), "input"),
        ] {
            let wrong = read_embed(&json!({ "model": "m", "input": input })).unwrap_err();
            assert_eq!(wrong.param, param);
        }
        let wrong = json!({ "model": "m", "input": "a", "encoding_format": "hex" });
        assert_eq!(read_embed(&wrong).unwrap_err().param, "encoding_format");
    }

    #[test]
    fn answers_come_as_numbers_or_base64() {
        let meta = crate::servers::llm_gateway::engine::dialect::tests::meta();
        let plain = write_embed(&meta, &answer(), false);
        assert_eq!(plain["data"][1]["embedding"], json!([0.25, 3.0]));
        assert_eq!(
            plain["usage"],
            json!({ "prompt_tokens": 7, "total_tokens": 7 })
        );
        let packed = write_embed(&meta, &answer(), true);
        // 1.0 is 0x3f800000, -0.5 is 0xbf000000.
        assert_eq!(packed["data"][0]["embedding"], "AACAPwAAAL8=");
        for body in [plain, packed] {
            assert_eq!(read_embed_answer(&body).unwrap(), answer());
        }
    }

    #[test]
    fn answers_are_put_in_order() {
        let body = json!({ "data": [
            { "index": 1, "embedding": [2.0] },
            { "index": 0, "embedding": [1.0] },
        ] });
        assert_eq!(read_embed_answer(&body).unwrap().vectors, [[1.0], [2.0]]);
        let wrong = json!({ "data": [{ "index": 0, "embedding": ["x"] }] });
        assert!(read_embed_answer(&wrong).is_err() && read_embed_answer(&json!({})).is_err());
    }
}
