//! Floor 0: ids, time, paging, redaction, sealing, ways out. Knows nothing of the rest.

pub mod beneath;
pub mod clock;
pub mod hex;
pub mod ids;
pub mod nearest;
pub mod outbound;
pub mod paging;
pub mod redact;
pub mod seal;
pub mod ttl;
pub mod words;
