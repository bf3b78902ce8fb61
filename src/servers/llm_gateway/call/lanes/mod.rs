//! How a call is put to a target: as its caller wrote it ([`wire`]), or as it was read ([`read`]).

pub mod crossing;
pub mod read;
pub mod wire;
