//! From text to definitions.

use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use tree_sitter::{ParseOptions, Parser, Tree};

use super::{extract, language::Language, source::Skip, symbol::Symbol};

/// Longest parse. Real files take milliseconds; only hostile ones come here.
const PATIENCE: Duration = Duration::from_secs(2);

/// What `text` defines, in the order of the file. Broken code is read as far as it makes sense.
pub fn symbols(language: Language, text: &str) -> Result<Vec<Symbol>, Skip> {
    let tree = tree(language, text).ok_or(Skip::TimedOut)?;
    Ok(extract::symbols(language, &tree, text))
}

fn tree(language: Language, text: &str) -> Option<Tree> {
    let mut parser = Parser::new();
    parser.set_language(&language.grammar()).ok()?;
    let until = Instant::now() + PATIENCE;
    let mut stop = |_: &tree_sitter::ParseState| {
        if Instant::now() < until {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    };
    let options = ParseOptions::new().progress_callback(&mut stop);
    let bytes = text.as_bytes();
    let mut read = |offset: usize, _| bytes.get(offset..).unwrap_or_default();
    parser.parse_with_options(&mut read, None, Some(options))
}
