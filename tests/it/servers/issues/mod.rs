//! issues-mcp where it takes whole hubs to see it.

mod two_hubs;
