use super::push;
use crate::tool::{Code, Incoming};
use bytes::Bytes;

fn sent(pieces: &[&[u8]]) -> Incoming {
    let pieces: Vec<_> = pieces
        .iter()
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    Incoming::new(futures::stream::iter(pieces))
}

fn commands() -> Vec<u8> {
    let mut out = Vec::new();
    let zero = "0".repeat(40);
    let one = "1".repeat(40);
    super::pkt::line(
        &mut out,
        format!("{zero} {one} refs/heads/a\0 report-status side-band-64k\n").as_bytes(),
    );
    super::pkt::line(&mut out, format!("{one} {zero} refs/tags/t x").as_bytes());
    super::pkt::flush(&mut out);
    out.extend_from_slice(b"PACKrest");
    out
}

#[tokio::test]
async fn refs_are_read_however_the_bytes_are_cut() {
    let bytes = commands();
    for cut in [1, 7, 60, bytes.len() - 1] {
        let (a, b) = bytes.split_at(cut);
        let head = push::read(&mut sent(&[a, b])).await.unwrap();
        let names: Vec<_> = head
            .updates
            .iter()
            .map(|u| (u.name.as_str(), u.deletes))
            .collect();
        assert_eq!(names, [("refs/heads/a", false), ("refs/tags/t x", true)]);
        assert!(head.banded);
    }
}

#[tokio::test]
async fn what_is_no_push_is_refused_by_name() {
    for bad in [&b"hello there"[..], b"000ahello\n", b"00ff"] {
        let error = push::read(&mut sent(&[bad])).await.unwrap_err();
        assert_eq!(error.code, Code::InvalidArgument, "{bad:?}");
    }
    assert!(push::read(&mut sent(&[])).await.unwrap().updates.is_empty());
}
