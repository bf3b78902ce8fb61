//! `git_read_file`: a file as a commit has it.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    servers::git::{
        Git,
        engine::{
            blob::{self, Kind},
            name,
        },
        fault,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct GitReadFile;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// Branch, tag, commit or expression such as `HEAD~3`; your HEAD when left out.
    #[garde(length(bytes, min = 1, max = 256))]
    pub revision: Option<String>,
    /// The file, relative to the top of the tree.
    #[garde(length(bytes, min = 1, max = 4096))]
    pub path: String,
    /// First byte to return; `next_offset` of the answer before goes on.
    #[serde(default)]
    pub offset: u64,
    /// Most bytes of the file to return.
    #[serde(default = "thirty_two")]
    #[garde(range(min = 1, max = 1_048_576))]
    pub max_bytes: u32,
}

fn thirty_two() -> u32 {
    32 * 1024
}

/// How the content is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
pub enum Encoding {
    #[serde(rename = "utf-8")]
    Utf8,
    #[serde(rename = "base64")]
    Base64,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The commit that was read.
    pub commit: String,
    /// Id of the file's content.
    pub blob: String,
    /// `file`, `executable`, or `link`, whose content is where it leads.
    pub kind: Kind,
    /// The whole file's size in bytes.
    pub size: usize,
    /// `utf-8` for text, `base64` for bytes that are none.
    pub encoding: Encoding,
    /// The bytes from `offset` on, exactly as they are.
    pub content: String,
    /// Pass as `offset` for the rest, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_offset: Option<usize>,
}

impl Tool for GitReadFile {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_read_file";
    const ABOUT: &'static str = "Read a file as it is in a commit or on a branch, without checking it out. Use read_text_file for your own \
                                 worktree, and git_list_tree to see which files a commit has. Returns the bytes as they are, large files in \
                                 pieces.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let path = name::path(&args.path).map_err(fault::of)?;
        server
            .look(ctx, args.repo, move |session, stop| {
                let repository = &session.repository;
                let commit = name::commit(repository, args.revision.as_deref().unwrap_or("HEAD"))?;
                let found = blob::find(repository, &commit, &path)?;
                let size = found.size.unwrap_or(0);
                let start = usize::try_from(args.offset).unwrap_or(usize::MAX).min(size);
                let most = args.max_bytes as usize;
                let stop = || stop.is_set();
                let git = session.git.as_ref();
                let piece = blob::piece(repository, git, found.id, size, (start, most), &stop)?;
                let cut = start + piece.len() < size;
                let (encoding, content, used) = match text(&piece, cut) {
                    Some(text) => (Encoding::Utf8, text.to_owned(), text.len()),
                    None => (Encoding::Base64, STANDARD.encode(&piece), piece.len()),
                };
                let end = start + used;
                Ok(Output {
                    commit: commit.id().to_string(),
                    blob: found.id.to_string(),
                    kind: found.kind,
                    size,
                    encoding,
                    content,
                    next_offset: Some(end).filter(|end| *end < size),
                })
            })
            .await
    }
}

/// `piece` as text, without a character that its end cuts in two; `None` when it is none.
fn text(piece: &[u8], cut: bool) -> Option<&str> {
    match std::str::from_utf8(piece) {
        Ok(text) => (!text.contains('\0')).then_some(text),
        Err(error) if cut && error.error_len().is_none() && error.valid_up_to() > 0 => {
            std::str::from_utf8(piece.get(..error.valid_up_to())?).ok()
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ok, refused, root, save, team};
    use crate::tool::Code;

    #[tokio::test]
    async fn bytes_come_as_they_are_and_in_pieces() {
        let team = team().await;
        std::fs::write(root(&team).join("latin"), b"caf\xe9\r\n").unwrap();
        std::os::unix::fs::symlink("é\r\n", root(&team).join("link")).unwrap();
        let first = save(&team, "dir/é", "aé\r\nb").await;
        save(&team, "dir/é", "new").await;
        let read = async |args| ok(&team, "git_read_file", args).await;
        let whole = read(json!({"revision": first, "path": "dir/é"})).await;
        assert_eq!(
            (&whole["content"], &whole["size"], &whole["kind"]),
            (&json!("aé\r\nb"), &json!(6), &json!("file"))
        );
        assert_eq!(whole.get("next_offset"), None);
        let piece = read(json!({"revision": first, "path": "dir/é", "max_bytes": 2})).await;
        assert_eq!(
            (&piece["content"], &piece["next_offset"]),
            (&json!("a"), &json!(1))
        );
        let rest = read(json!({"revision": first, "path": "dir/é", "offset": 1})).await;
        assert_eq!(rest["content"], "é\r\nb");
        let latin = read(json!({"path": "latin"})).await;
        assert_eq!(
            (&latin["encoding"], &latin["content"]),
            (&json!("base64"), &json!("Y2Fm6Q0K"))
        );
        assert_eq!(read(json!({"path": "link"})).await["kind"], "link");
        let large = std::fs::File::create(root(&team).join("large")).unwrap();
        large.set_len(20 << 20).unwrap();
        save(&team, "tail", "x").await;
        let far = json!({"path": "large", "offset": (20 << 20) - 3, "max_bytes": 9});
        if crate::servers::git::cli::Program::find("git").is_ok() {
            assert_eq!(read(far).await["content"], "AAAA");
        }
        assert_eq!(
            read(json!({"path": "dir/é", "offset": 99})).await["content"],
            ""
        );
        for (path, code) in [
            ("nope", Code::NotFound),
            ("dir", Code::InvalidArgument),
            ("../x", Code::InvalidArgument),
            ("/etc/passwd", Code::InvalidArgument),
            ("-x", Code::InvalidArgument),
        ] {
            assert_eq!(
                refused(&team, "git_read_file", json!({"path": path}))
                    .await
                    .code,
                code,
                "{path}"
            );
        }
    }
}
