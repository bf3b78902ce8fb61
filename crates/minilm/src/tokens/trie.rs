//! A set of words, asked for the longest that a text starts with.

/// A node's children stand one after the other, in the order of their bytes.
#[derive(Debug, Clone, Copy)]
struct Node {
    first: u32,
    children: u16,
    /// The word that ends here.
    id: Option<u32>,
}

impl Node {
    fn places(self) -> std::ops::Range<usize> {
        let first = self.first as usize;
        first..first + usize::from(self.children)
    }
}

/// A word and its id.
pub type Word<'w> = (&'w [u8], u32);

pub struct Trie {
    nodes: Vec<Node>,
    /// The byte that leads to each node.
    bytes: Vec<u8>,
    /// The root's children by their byte: it has too many to look through.
    roots: [Option<u32>; 256],
}

impl Trie {
    /// Of words and their ids.
    pub fn new(mut words: Vec<Word>) -> Self {
        words.sort_unstable();
        let node = Node {
            first: 0,
            children: 0,
            id: None,
        };
        let mut trie = Self {
            nodes: vec![node],
            bytes: vec![0],
            roots: [None; 256],
        };
        // Level by level, so that siblings are neighbours.
        let mut level: Vec<(usize, &[Word])> = vec![(0, words.as_slice())];
        for depth in 0.. {
            let mut below = Vec::new();
            for (at, words) in level {
                let first = trie.nodes.len();
                let (ended, longer) =
                    words.split_at(words.partition_point(|(w, _)| w.len() <= depth));
                for group in longer.chunk_by(|(a, _), (b, _)| a.get(depth) == b.get(depth)) {
                    let byte = group.first().and_then(|(word, _)| word.get(depth));
                    below.push((trie.nodes.len(), group));
                    trie.nodes.push(node);
                    trie.bytes.push(byte.copied().unwrap_or_default());
                }
                let children = trie.nodes.len() - first;
                if let Some(node) = trie.nodes.get_mut(at) {
                    *node = Node {
                        first: first as u32,
                        children: children as u16,
                        id: ended.first().map(|(_, id)| *id),
                    };
                }
            }
            if below.is_empty() {
                break;
            }
            level = below;
        }
        for at in trie.nodes.first().copied().unwrap_or(node).places() {
            let byte = trie.bytes.get(at).copied().unwrap_or_default();
            if let Some(root) = trie.roots.get_mut(usize::from(byte)) {
                *root = Some(at as u32);
            }
        }
        trie
    }

    /// The longest word that `text` starts with: its length and id.
    pub fn longest(&self, text: &[u8]) -> Option<(usize, u32)> {
        let (&byte, rest) = text.split_first()?;
        let at = (*self.roots.get(usize::from(byte))?)? as usize;
        let mut node = *self.nodes.get(at)?;
        let mut best = node.id.map(|id| (1, id));
        for (length, byte) in (2..).zip(rest) {
            let children = node.places();
            let within = self.bytes.get(children.clone())?;
            let Some(at) = within.iter().position(|other| other == byte) else {
                break;
            };
            node = *self.nodes.get(children.start + at)?;
            if let Some(id) = node.id {
                best = Some((length, id));
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_word_is_found() {
        let words: [(&[u8], u32); 4] = [(b"a", 1), (b"abc", 2), (b"b", 3), (b"abd", 4)];
        let trie = Trie::new(words.to_vec());
        for (text, expected) in [
            ("abcd", Some((3, 2))),
            ("abd", Some((3, 4))),
            ("abx", Some((1, 1))),
            ("b", Some((1, 3))),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(trie.longest(text.as_bytes()), expected, "{text}");
        }
    }
}
