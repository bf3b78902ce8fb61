//! Reads model.bin, which `assets/all-minilm-l6-v2/convert.py` describes. The large tables stay where they are, in the program.

use super::forward::{Layer, Matrix, Model, Norm};

const MODEL: &[u8] = include_bytes!("../../../assets/all-minilm-l6-v2/model.bin");
const MAGIC: &[u8; 8] = b"SXMINILM";
const VERSION: u32 = 1;
/// Bytes of the hash of what it was made of.
const HASH: usize = 32;

/// Why the model cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the built-in embedding model is damaged: {0}")]
pub struct Damaged(&'static str);

/// The model in the program.
pub fn model() -> Result<Model, Damaged> {
    read(MODEL)
}

fn read(bytes: &'static [u8]) -> Result<Model, Damaged> {
    let mut input = Input(bytes);
    if input.take(MAGIC.len())? != MAGIC {
        return Err(Damaged("it starts otherwise"));
    }
    if input.number()? as u32 != VERSION {
        return Err(Damaged("it is of another version"));
    }
    let [words, positions, width, inner, heads, layers] = [
        input.number()?,
        input.number()?,
        input.number()?,
        input.number()?,
        input.number()?,
        input.number()?,
    ];
    input.take(HASH)?;
    let model = Model {
        width,
        heads,
        word_scales: input.floats(words)?,
        words: input.take(words * width)?,
        positions: input.floats(positions * width)?,
        norm: input.norm(width)?,
        layers: (0..layers)
            .map(|_| {
                Ok(Layer {
                    attention: input.matrix(3 * width, width)?,
                    attention_output: input.matrix(width, width)?,
                    attention_norm: input.norm(width)?,
                    inner: input.matrix(inner, width)?,
                    outer: input.matrix(width, inner)?,
                    norm: input.norm(width)?,
                })
            })
            .collect::<Result<_, _>>()?,
    };
    if input.0.is_empty() {
        Ok(model)
    } else {
        Err(Damaged("it goes on after its end"))
    }
}

struct Input(&'static [u8]);

impl Input {
    fn take(&mut self, bytes: usize) -> Result<&'static [u8], Damaged> {
        let (head, tail) = self
            .0
            .split_at_checked(bytes)
            .ok_or(Damaged("it is cut short"))?;
        self.0 = tail;
        Ok(head)
    }

    fn number(&mut self) -> Result<usize, Damaged> {
        let (quads, _) = self.take(4)?.as_chunks();
        let quad = quads.first().ok_or(Damaged("it is cut short"))?;
        Ok(u32::from_le_bytes(*quad) as usize)
    }

    fn floats(&mut self, count: usize) -> Result<Vec<f32>, Damaged> {
        let (quads, _) = self.take(count * 4)?.as_chunks();
        Ok(quads.iter().map(|quad| f32::from_le_bytes(*quad)).collect())
    }

    fn norm(&mut self, width: usize) -> Result<Norm, Damaged> {
        Ok(Norm {
            gain: self.floats(width)?,
            bias: self.floats(width)?,
        })
    }

    fn matrix(&mut self, rows: usize, columns: usize) -> Result<Matrix, Damaged> {
        Ok(Matrix {
            bias: self.floats(rows)?,
            scales: self.floats(rows)?,
            panels: self.take(rows * columns)?,
            columns,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_model_is_refused() {
        let leaked = |bytes: Vec<u8>| -> &'static [u8] { bytes.leak() };
        assert!(model().is_ok());
        assert!(read(&MODEL[..MODEL.len() - 1]).is_err());
        assert!(read(&MODEL[..9]).is_err());
        assert!(read(leaked(b"SXMINILN\x01\0\0\0".to_vec())).is_err());
        assert!(read(leaked(b"SXMINILM\x02\0\0\0".to_vec())).is_err());
    }
}
