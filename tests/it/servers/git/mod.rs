//! The git server with the real git program at the other end.

mod smart_http;
