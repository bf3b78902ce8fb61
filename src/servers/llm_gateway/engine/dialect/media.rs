//! Media in requests: addresses and `data:` URLs (RFC 2397).

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{BadRequest, node::Node};
use crate::servers::llm_gateway::engine::chat::Media;

/// Reads an `https:`, `http:` or `data:` URL.
pub fn read_url(node: &Node) -> Result<Media, BadRequest> {
    let url = node.str()?;
    if let Some(rest) = url.strip_prefix("data:") {
        return data_url(rest)
            .ok_or_else(|| node.bad("must be written as data:<media type>;base64,<data>"));
    }
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(Media::Url(url.to_owned()));
    }
    Err(node.bad("must be an https: or data: URL"))
}

/// Reads a document's `data:` URL, or its bare base64, which is a PDF unless its file name says otherwise.
pub fn read_file(node: &Node, name: Option<&str>) -> Result<Media, BadRequest> {
    let data = node.str()?;
    if data.starts_with("data:") {
        return read_url(node);
    }
    let extension = name.and_then(|name| name.rsplit_once('.'));
    let media_type = match extension.map(|(_, extension)| extension) {
        Some("txt") => "text/plain",
        Some("md") => "text/markdown",
        Some("csv") => "text/csv",
        Some("json") => "application/json",
        _ => "application/pdf",
    };
    Ok(Media::Base64 {
        media_type: media_type.to_owned(),
        data: data.to_owned(),
    })
}

/// Reads OpenAI's `{"data": …, "format": "wav"}`.
pub fn read_audio(node: &Node) -> Result<Media, BadRequest> {
    let format = node.need("format")?;
    let media_type = match format.str()? {
        "wav" => "audio/wav",
        "mp3" => "audio/mpeg",
        _ => return Err(format.bad("must be wav or mp3")),
    };
    Ok(Media::Base64 {
        media_type: media_type.to_owned(),
        data: node.need("data")?.string()?,
    })
}

/// The address, or a `data:` URL.
pub fn url(media: &Media) -> String {
    match media {
        Media::Url(url) => url.clone(),
        Media::Base64 { media_type, data } => format!("data:{media_type};base64,{data}"),
    }
}

/// The words of a document that is plain text.
pub fn text(media: &Media) -> Option<String> {
    let Media::Base64 { media_type, data } = media else {
        return None;
    };
    if !media_type.starts_with("text/") && media_type != "application/json" {
        return None;
    }
    String::from_utf8(STANDARD.decode(data).ok()?).ok()
}

/// Plain text as a document.
pub fn plain(text: &str) -> Media {
    Media::Base64 {
        media_type: "text/plain".to_owned(),
        data: STANDARD.encode(text),
    }
}

fn data_url(rest: &str) -> Option<Media> {
    let (head, data) = rest.split_once(',')?;
    let media_type = head.strip_suffix(";base64")?;
    // Parameters of the type (`;charset=utf-8`) have no place anywhere else.
    let media_type = media_type
        .split(';')
        .next()
        .filter(|word| word.contains('/'))?;
    Some(Media::Base64 {
        media_type: media_type.to_owned(),
        data: data.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: &Value) -> Result<Media, BadRequest> {
        read_url(&Node::root(value))
    }

    #[test]
    fn data_urls_come_apart_and_together() {
        let url_text = "data:image/png;base64,iVBORw0=";
        let media = read(&json!(url_text)).unwrap();
        assert_eq!(
            media,
            Media::Base64 {
                media_type: "image/png".into(),
                data: "iVBORw0=".into()
            }
        );
        assert_eq!(url(&media), url_text);
        assert_eq!(
            read(&json!("https://x.org/a.png")).unwrap(),
            Media::Url("https://x.org/a.png".into())
        );
        for wrong in [
            "data:image/png,abc",
            "data:;base64,abc",
            "file:///etc/passwd",
            "a.png",
        ] {
            assert!(read(&json!(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_plain_documents_have_words() {
        assert_eq!(text(&plain("grüße")).as_deref(), Some("grüße"));
        let pdf = json!("JVBERi0=");
        assert_eq!(
            text(&read_file(&Node::root(&pdf), Some("a.pdf")).unwrap()),
            None
        );
    }
}
