//! `read_media_file`: look at an image, or hear a sound.

use std::io::Read as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    servers::file_system::{
        FileSystem,
        engine::{etag, media},
        fault, file_path, tree,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct ReadMediaFile;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// Image or sound, relative to the workspace.
    #[garde(length(bytes, min = 1, max = 4095))]
    pub path: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The file, relative to the workspace.
    pub path: String,
    /// What it is by its content, e.g. `image/png`.
    pub mime_type: &'static str,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Its version.
    pub etag: String,
    /// Its bytes in base 64. MCP clients get them as an image or audio block instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

impl Tool for ReadMediaFile {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "read_media_file";
    const ABOUT: &'static str = "Show an image (PNG, JPEG, GIF, WebP, BMP, AVIF) or a sound (WAV, MP3, FLAC, Ogg, AAC, M4A) of your workspace. \
                                 What it is is told by its content, not its name. Use read_text_file for text, SVG included. Returns the \
                                 content with its media type, size and etag.";
    const ACCESS: Access = Access::Read;
    const MEDIA: bool = true;

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let tree = tree(ctx, args.repo)?;
        let path = file_path(&args.path)?;
        let (workspaces, most) = (server.workspaces.clone(), server.config.max_media_bytes);
        ctx.blocking(move |_| {
            let files = workspaces.files(&tree).map_err(fault::of_workspace)?;
            let opened = files.file(&path);
            let (mut file, stat) = opened.map_err(|error| fault::of(&files, &path, error))?;
            let mut bytes = Vec::new();
            file.by_ref().take(64).read_to_end(&mut bytes)?;
            let mime_type = media::of(&bytes).ok_or_else(|| {
                ToolError::invalid(
                    "/path",
                    format!("{path} is no image or sound by its content"),
                )
                .hint("read_text_file shows text, get_file_info what is known of any file")
            })?;
            let size = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
            if size <= most {
                file.take(most).read_to_end(&mut bytes)?;
            }
            if size.max(bytes.len() as u64) > most {
                return Err(ToolError::too_large(format!(
                    "{path} has {size} bytes, and at most {most} are shown"
                ))
                .hint("make a smaller version of it"));
            }
            Ok(Output {
                path: path.to_string(),
                mime_type,
                size_bytes: bytes.len() as u64,
                etag: etag::of(&bytes),
                data: Some(STANDARD.encode(&bytes)),
            })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::servers::file_system::tools::testing::{ok, refused, root, team};
    use crate::tool::Code;

    #[tokio::test]
    async fn an_image_is_known_by_its_content_and_has_a_limit() {
        let team = team().await;
        let at = root(&team);
        std::fs::write(at.join("picture.txt"), b"\x89PNG\r\n\x1a\n0123").unwrap();
        std::fs::write(at.join("text.png"), "no picture").unwrap();
        let large = std::fs::File::create(at.join("large.gif")).unwrap();
        std::io::Write::write_all(&mut &large, b"GIF89a").unwrap();
        large.set_len(600 << 20).unwrap();
        let shown = ok(&team, "read_media_file", json!({"path": "picture.txt"})).await;
        assert_eq!(
            (&shown["mime_type"], &shown["size_bytes"]),
            (&json!("image/png"), &json!(12))
        );
        assert_eq!(shown["data"], "iVBORw0KGgowMTIz");
        let text = refused(&team, "read_media_file", json!({"path": "text.png"})).await;
        assert!(text.message.contains("read_text_file"), "{}", text.message);
        let large = refused(&team, "read_media_file", json!({"path": "large.gif"})).await;
        assert_eq!(large.code, Code::TooLarge);
    }
}
