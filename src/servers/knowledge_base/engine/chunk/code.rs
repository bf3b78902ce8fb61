//! Programs into chunks: functions, methods and types with what is written above them; small neighbours share a chunk, large
//! ones are cut at blank lines.

use std::ops::Range;

use tree_sitter::Node;

use super::{
    Chunk, Grammar, Limits, Lines,
    cut::{CODE, cut},
};

/// How deep types and modules are taken apart.
const MOST_DEPTH: usize = 12;
/// Characters of a symbol.
const MOST_SYMBOL: usize = 200;

/// A run of lines: an item, its head where it is taken apart, or what stands between items.
#[derive(Debug)]
pub struct Piece {
    bytes: Range<usize>,
    /// The item, with the items it is in: `Registry::call`.
    symbol: Option<String>,
    /// The items it is in.
    path: Vec<String>,
}

/// The pieces of a program, without gaps. None where it cannot be parsed in time.
pub fn pieces(lines: &Lines<'_>, grammar: Grammar, limits: &Limits<'_>) -> Option<Vec<Piece>> {
    let tree = grammar.parse(lines.text)?;
    let mut walker = Walker {
        lines,
        grammar,
        limits,
        starts: vec![(0, None, Vec::new())],
    };
    walker.items(tree.root_node(), &[]);
    let mut pieces = Vec::with_capacity(walker.starts.len());
    let mut starts = walker.starts.into_iter().peekable();
    while let Some((start, symbol, path)) = starts.next() {
        let end = starts.peek().map_or(lines.text.len(), |next| next.0);
        pieces.push(Piece {
            bytes: start..end,
            symbol,
            path,
        });
    }
    Some(pieces)
}

struct Walker<'w, 't> {
    lines: &'w Lines<'t>,
    grammar: Grammar,
    limits: &'w Limits<'w>,
    /// Where pieces start, in order: with symbol and path.
    starts: Vec<(usize, Option<String>, Vec<String>)>,
}

impl Walker<'_, '_> {
    /// Finds the items in `parent`, which is in the items of `path`.
    fn items(&mut self, parent: Node<'_>, path: &[String]) {
        let mut cursor = parent.walk();
        // Where the comments and attributes above the next item start.
        let mut above: Option<(usize, usize)> = None;
        let mut between = false;
        for node in parent.named_children(&mut cursor) {
            if Grammar::is_prefix(node.kind()) {
                let touches = above.is_some_and(|(_, row)| row + 1 >= node.start_position().row);
                let start = above
                    .filter(|_| touches)
                    .map_or(node.start_byte(), |(start, _)| start);
                above = Some((start, last_row(node)));
                continue;
            }
            let row = node.start_position().row;
            let start = above
                .take()
                .filter(|(_, last)| last + 1 >= row)
                .map_or(node.start_byte(), |(start, _)| start);
            let Some(item) = self.grammar.item(node, self.lines.text) else {
                if !between {
                    self.start(start, None, path);
                    between = true;
                }
                continue;
            };
            between = false;
            let mut inner = path.to_vec();
            inner.push(item.name.chars().take(MOST_SYMBOL).collect());
            self.start(start, Some(inner.join(self.grammar.separator())), path);
            if let Some(body) = item.body
                && path.len() < MOST_DEPTH
                && (self.limits.tokens)(self.lines.slice(node.byte_range())) > self.limits.target
            {
                self.items(body, &inner);
                // What is left of the body belongs to nobody in it.
                if let Some(last) = body.named_child_count().checked_sub(1)
                    && let Some(last) = body.named_child(last as u32)
                {
                    let end = self.lines.number(last.end_byte().saturating_sub(1)) as usize;
                    self.start(self.lines.bytes(end, end).start, None, &inner);
                }
            }
        }
    }

    /// A piece starts here, or at the start of the line if nothing stands before it.
    fn start(&mut self, byte: usize, symbol: Option<String>, path: &[String]) {
        let line = self.lines.number(byte) as usize;
        let start = self.lines.bytes(line - 1, line).start;
        let before = self.lines.slice(start..byte);
        let at = if before.trim().is_empty() {
            start
        } else {
            byte
        };
        match self.starts.last_mut() {
            Some(last) if at < last.0 || last.0 > byte => {}
            // Nothing stands between them.
            Some(last) if at == last.0 => *last = (at, symbol, path.to_vec()),
            _ => self.starts.push((at, symbol, path.to_vec())),
        }
    }
}

/// The row that a node's text ends on; a comment may have its line end in it.
fn last_row(node: Node<'_>) -> usize {
    let end = node.end_position();
    if end.column == 0 && end.row > node.start_position().row {
        end.row - 1
    } else {
        end.row
    }
}

/// The chunk being filled.
struct Open {
    bytes: Range<usize>,
    path: Vec<String>,
    symbols: Vec<String>,
    tokens: u32,
}

impl Open {
    fn takes(&self, piece: &Piece, tokens: u32, room: u32) -> bool {
        self.tokens.saturating_add(tokens) <= room && piece.path.starts_with(&self.path)
    }

    fn close(self, lines: &Lines<'_>) -> Option<Chunk> {
        let symbol = self.symbols.join(", ");
        let symbol: String = symbol.chars().take(MOST_SYMBOL).collect();
        let symbol = Some(symbol).filter(|symbol| !symbol.is_empty());
        Chunk::of(lines, self.bytes, self.path, symbol, self.tokens)
    }
}

/// Pieces into chunks of a good size.
pub fn pack(lines: &Lines<'_>, pieces: Vec<Piece>, limits: &Limits<'_>) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut open: Option<Open> = None;
    for piece in pieces {
        let text = lines.slice(piece.bytes.clone());
        let tokens = (limits.tokens)(text);
        let above: u32 = piece.path.iter().map(|name| (limits.tokens)(name)).sum();
        let room = |limit: u32| limit.saturating_sub(above).max(limit / 2).max(1);
        if let Some(open) = &mut open
            // A closing bracket says nothing alone.
            && (!text.contains(char::is_alphanumeric) || open.takes(&piece, tokens, room(limits.target)))
        {
            open.bytes.end = piece.bytes.end;
            open.tokens = open.tokens.saturating_add(tokens);
            let known = |symbol: &String| open.symbols.contains(symbol);
            let new = piece.symbol.filter(|symbol| !known(symbol));
            open.symbols.extend(new);
            continue;
        }
        chunks.extend(open.take().and_then(|open| open.close(lines)));
        let whole = tokens <= room(limits.max);
        let parts = if whole {
            vec![piece.bytes]
        } else {
            cut(
                lines.text,
                piece.bytes,
                CODE,
                room(limits.max),
                limits.tokens,
            )
        };
        for bytes in parts {
            chunks.extend(open.take().and_then(|open| open.close(lines)));
            open = Some(Open {
                tokens: if whole {
                    tokens
                } else {
                    (limits.tokens)(lines.slice(bytes.clone()))
                },
                bytes,
                path: piece.path.clone(),
                symbols: piece.symbol.clone().into_iter().collect(),
            });
        }
    }
    chunks.extend(open.and_then(|open| open.close(lines)));
    chunks
}
