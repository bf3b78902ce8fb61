//! Keys made by ssh-keygen for the tests, and good for nothing else.

pub const ED25519: &str = include_str!("samples/ed25519");
pub const ED25519_PUBLIC: &str = include_str!("samples/ed25519.pub");
pub const ECDSA: &str = include_str!("samples/ecdsa");
pub const ECDSA_PUBLIC: &str = include_str!("samples/ecdsa.pub");
pub const RSA_1024: &str = include_str!("samples/rsa_1024");
pub const RSA_1024_PUBLIC: &str = include_str!("samples/rsa_1024.pub");
pub const ENCRYPTED: &str = include_str!("samples/encrypted");
/// `[forge.example]:2222` with the first key and `forge.example` with the second, by ssh-keygen -H.
pub const HASHED: &str = include_str!("samples/known_hosts.hashed");
