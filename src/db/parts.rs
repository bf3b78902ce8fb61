//! Statements for many rows.

/// Rows in one statement. More save little, and statements with thousands of values take memory for good.
const MOST: usize = 64;

/// `rows` in parts whose sizes are powers of two, the largest first. Statements that differ in their number of rows have different
/// texts, each parsed and planned anew the first time: so there are few, and the database's connections keep them prepared.
pub fn parts<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = MOST.min(1 << rows.len().checked_ilog2()?);
        let (part, rest) = rows.split_at_checked(size)?;
        rows = rest;
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_few_sizes_and_all_rows() {
        let rows: Vec<usize> = (0..1000).collect();
        for count in [0, 1, 2, 3, 63, 64, 65, 1000] {
            let all: Vec<&[usize]> = parts(&rows[..count]).collect();
            assert_eq!(all.concat(), rows[..count]);
            assert!(
                all.iter()
                    .all(|part| part.len().is_power_of_two() && part.len() <= MOST)
            );
        }
        assert_eq!(
            parts(&rows[..7]).map(<[usize]>::len).collect::<Vec<_>>(),
            [4, 2, 1]
        );
    }
}
