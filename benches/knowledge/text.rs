//! Texts without end that are like real ones in what search depends on: few words are in most texts, most words in few.

use std::fmt::Write;

/// Different words.
const VOCABULARY: usize = 30_000;

/// Makes texts; from one seed the same ones.
pub struct Writer {
    state: u64,
    /// How often a word up to this one is taken, of all.
    shares: Vec<f64>,
}

impl Writer {
    pub fn new(seed: u64) -> Self {
        let mut sum = 0.0;
        let shares = (1..=VOCABULARY).map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        });
        let shares: Vec<f64> = shares.collect();
        let shares = shares.iter().map(|share| share / sum).collect();
        Self {
            state: seed,
            shares,
        }
    }

    /// Between 0 and 1 (splitmix64).
    fn chance(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as f64 / u64::MAX as f64
    }

    /// A word as often as it is used in texts.
    fn word(&mut self) -> String {
        let chance = self.chance();
        spell(self.shares.partition_point(|share| *share < chance))
    }

    /// A paragraph of `count` words.
    pub fn text(&mut self, count: usize) -> String {
        let mut text = String::with_capacity(count * 7);
        for n in 0..count {
            let end = if n % 12 == 11 { ". " } else { " " };
            write!(text, "{}{end}", self.word()).unwrap();
        }
        text
    }

    /// What somebody asks: three words, neither the commonest nor the rarest.
    pub fn query(&mut self) -> String {
        let mut one = || {
            let rank = 20.0 * 100_f64.powf(self.chance());
            spell(rank as usize)
        };
        format!("{} {} {}", one(), one(), one())
    }

    /// Numbers of a vector of length 1, each way as likely.
    pub fn vector(&mut self, dimensions: usize) -> Vec<f32> {
        let numbers: Vec<f32> = (0..dimensions)
            .map(|_| self.chance() as f32 - 0.5)
            .collect();
        let length = numbers.iter().map(|x| x * x).sum::<f32>().sqrt();
        numbers.into_iter().map(|x| x / length).collect()
    }
}

/// The word of a rank, of syllables that no stemmer takes for an ending.
fn spell(mut rank: usize) -> String {
    const SYLLABLES: [&str; 16] = [
        "ba", "ko", "ru", "mi", "ta", "no", "lu", "pa", "go", "vi", "za", "do", "ku", "fa", "bo",
        "xu",
    ];
    let mut word = String::new();
    loop {
        word.push_str(SYLLABLES[rank % SYLLABLES.len()]);
        rank /= SYLLABLES.len();
        if rank == 0 {
            return word;
        }
    }
}
