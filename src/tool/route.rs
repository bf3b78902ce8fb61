//! Friendly REST routes, as plain data: the edge binds path, query and body to the tool's arguments.

/// The HTTP methods that routes use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Arguments come from the path and the query.
    Get,
    /// Arguments come from the path and the JSON body.
    Post,
    /// Arguments come from the path and the JSON body.
    Put,
    /// Arguments come from the path and the JSON body.
    Patch,
    /// Arguments come from the path and the query.
    Delete,
}

impl Method {
    /// `GET`, `POST`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Whether arguments come in a JSON body.
    pub fn has_body(self) -> bool {
        matches!(self, Self::Post | Self::Put | Self::Patch)
    }
}

/// One friendly route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path, e.g. `/api/v1/issues/{number}`: names in braces are arguments.
    pub path: &'static str,
    /// The tool it calls.
    pub tool: &'static str,
}

macro_rules! constructors {
    ($($name:ident $method:ident),*) => {
        impl Route {
            $(
                #[doc = concat!("A `", stringify!($method), "` route to `tool`.")]
                pub const fn $name(path: &'static str, tool: &'static str) -> Self {
                    Self { method: Method::$method, path, tool }
                }
            )*
        }
    };
}
constructors!(get Get, post Post, put Put, patch Patch, delete Delete);
