use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Case {
    text: String,
    window: Option<usize>,
    ids: Vec<u32>,
}

#[test]
fn texts_are_cut_as_the_reference_cuts_them() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../../parity/words.json")).unwrap();
    assert!(cases.len() > 300);
    let tokens = Tokens::shared();
    for Case { text, window, ids } in cases {
        assert_eq!(
            tokens.encode(&text, window.unwrap_or(usize::MAX)),
            ids,
            "{text:?}"
        );
        if window.is_none() {
            assert_eq!(tokens.count(&text), ids.len() - 2, "{text:?}");
        }
    }
}

proptest! {
    #[test]
    fn any_text_fits_its_window(text in "\\PC{0,80}", window in 2_usize..40) {
        let tokens = Tokens::shared();
        let (all, cut) = (tokens.encode(&text, usize::MAX), tokens.encode(&text, window));
        prop_assert_eq!(cut.len(), all.len().min(window));
        prop_assert_eq!(&cut[..cut.len() - 1], &all[..cut.len() - 1]);
        prop_assert_eq!(tokens.count(&text), all.len() - 2);
    }
}
