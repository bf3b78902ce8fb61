//! Chunking and searching. Knows nothing of MCP, HTTP or SQL; the lexical index is one leg, a vector index can stand beside it.

pub mod chunk;
pub mod crowd;
pub mod digest;
pub mod diverse;
pub mod embed;
pub mod extract;
pub mod filter;
pub mod fuse;
pub mod lexical;
pub mod similar;
pub mod vectors;
