use std::collections::BTreeSet;
use std::path::Path;

use git2::{Signature, Time};
use proptest::prelude::*;

use super::*;

/// A history: commit `n` has the parents given for it, all smaller, and writes to the file `a` if it is told to.
struct History {
    _dir: tempfile::TempDir,
    repository: Repository,
    ids: Vec<Oid>,
    parents: Vec<BTreeSet<usize>>,
}

impl History {
    fn new(parents: &[BTreeSet<usize>], writes: &[bool]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(dir.path()).unwrap();
        let mut ids: Vec<Oid> = Vec::new();
        for (number, of) in parents.iter().enumerate() {
            let time = Time::new(1_000_000 + i64::try_from(number).unwrap() / 3, 0);
            let who = Signature::new("ann", "ann@example", &time).unwrap();
            let commits: Vec<_> = of
                .iter()
                .map(|parent| repository.find_commit(ids[*parent]).unwrap())
                .collect();
            let base = commits.first().map(|commit| commit.tree().unwrap());
            let mut tree = repository.treebuilder(base.as_ref()).unwrap();
            let name = if writes[number % writes.len()] {
                "a"
            } else {
                "b"
            };
            let blob = repository.blob(number.to_string().as_bytes()).unwrap();
            tree.insert(name, blob, 0o100_644).unwrap();
            let tree = repository.find_tree(tree.write().unwrap()).unwrap();
            let commits: Vec<_> = commits.iter().collect();
            let text = number.to_string();
            let made = repository.commit(None, &who, &who, &text, &tree, &commits);
            ids.push(made.unwrap());
        }
        Self {
            _dir: dir,
            repository,
            ids,
            parents: parents.to_vec(),
        }
    }

    /// Commit `of` with all that is before it.
    fn before(&self, of: usize) -> BTreeSet<usize> {
        let mut all = BTreeSet::from([of]);
        for at in (0..=of).rev().filter(|at| *at < self.parents.len()) {
            if all.contains(&at) {
                all.extend(&self.parents[at]);
            }
        }
        all
    }

    fn number(&self, id: Oid) -> usize {
        self.ids.iter().position(|known| *known == id).unwrap()
    }

    /// What comes out in the end, and after how many tests.
    fn search(
        &self,
        git: Option<&Program>,
        (good, mut bad): (&[usize], usize),
        paths: &[RelPath],
        test: &dyn Fn(usize) -> Option<bool>,
    ) -> (Result<Answer, Error>, usize) {
        let mut known = Known {
            good: good.iter().map(|number| self.ids[*number]).collect(),
            paths: paths.to_vec(),
            ..Known::default()
        };
        for steps in 0.. {
            let found = bisect(&self.repository, git, self.ids[bad], &known, &|| false);
            let next = match found.map(|found| found.answer) {
                Ok(Answer::Next { commit, .. } | Answer::Base(commit)) => commit,
                other => return (other, steps),
            };
            match test(self.number(next)) {
                Some(true) => bad = self.number(next),
                Some(false) => known.good.push(next),
                None => known.skip.push(next),
            }
        }
        unreachable!()
    }
}

/// Histories of up to 20 commits, most with one parent.
fn histories() -> impl Strategy<Value = Vec<BTreeSet<usize>>> {
    let parents = proptest::collection::vec(
        (0..6usize, proptest::option::weighted(0.3, 0..9usize)),
        4..20,
    );
    parents.prop_map(|all| {
        let of = |(at, (first, second)): (usize, (usize, Option<usize>))| {
            let back = |steps: usize| at.checked_sub(steps + 1);
            // Mostly the one before.
            let first = back(first.saturating_sub(3)).or(back(0));
            first.into_iter().chain(second.and_then(back)).collect()
        };
        all.into_iter().enumerate().map(of).collect()
    })
}

fn programs() -> Vec<Option<Program>> {
    let program = Program::find("git").ok();
    let mut all = vec![None];
    all.extend(program.map(Some));
    all
}

#[test]
fn steps_are_estimated_as_git_does() {
    let seen: Vec<u32> = [0, 1, 2, 3, 4, 5, 8, 12, 16, 1000].map(steps_left).to_vec();
    assert_eq!(seen, [0, 0, 0, 1, 1, 1, 2, 3, 3, 9]);
}

#[test]
fn contradictions_are_said() {
    // 0 - 1 - 2, and 3 beside.
    let line = [&[][..], &[0], &[1], &[0]].map(|of| of.iter().copied().collect());
    let history = History::new(&line, &[true]);
    for git in programs() {
        let ask = |bad: usize, good: &[usize], skip: &[usize]| {
            let ids = |of: &[usize]| of.iter().map(|number| history.ids[*number]).collect();
            let known = Known {
                good: ids(good),
                skip: ids(skip),
                ..Known::default()
            };
            bisect(
                &history.repository,
                git.as_ref(),
                history.ids[bad],
                &known,
                &|| false,
            )
        };
        assert!(
            matches!(ask(2, &[0, 2], &[]), Err(Error::Contradiction(id, "good", _)) if id == history.ids[2])
        );
        assert!(matches!(
            ask(2, &[0], &[2]),
            Err(Error::Contradiction(_, "skipped", "bad"))
        ));
        assert!(matches!(
            ask(2, &[0], &[0]),
            Err(Error::Contradiction(_, "skipped", "good"))
        ));
        assert!(matches!(ask(1, &[2], &[]), Err(Error::BadBeforeGood(id)) if id == history.ids[1]));
        // A good commit beside the bad one: what both come from is tested first, and skipped it is told.
        assert_eq!(
            ask(2, &[3], &[]).unwrap().answer,
            Answer::Base(history.ids[0])
        );
        assert!(matches!(ask(0, &[3], &[]), Err(Error::BadBeforeGood(_))));
        let skipped = ask(2, &[3], &[0]).unwrap();
        assert_eq!(skipped.untested, [history.ids[0]]);
        let rest = ask(2, &[0], &[1]).unwrap().answer;
        assert_eq!(rest, Answer::Skipped(vec![history.ids[1], history.ids[2]]));
        assert_eq!(
            ask(2, &[1], &[]).unwrap().answer,
            Answer::First(history.ids[2])
        );
    }
}

#[test]
fn by_first_parents_a_merge_stands_for_what_it_brought() {
    // 0 - 1 - 4 - 5, and 0 - 2 - 3 merged by 4.
    let parents = [&[][..], &[0], &[0], &[2], &[1, 3], &[4]];
    let history = History::new(&parents.map(|of| of.iter().copied().collect()), &[true]);
    for git in programs() {
        let mut known = Known {
            good: vec![history.ids[0]],
            first_parent: true,
            ..Known::default()
        };
        let ask = |known: &Known| {
            bisect(
                &history.repository,
                git.as_ref(),
                history.ids[5],
                known,
                &|| false,
            )
            .unwrap()
        };
        let Answer::Next { commit, remaining } = ask(&known).answer else {
            panic!("nothing to test");
        };
        assert_eq!(remaining, 3);
        assert!([1, 4].contains(&history.number(commit)));
        known.skip = vec![history.ids[1], history.ids[4]];
        let rest = ask(&known).answer;
        assert!(matches!(rest, Answer::Skipped(all) if all.len() == 3 && all[2] == history.ids[5]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_first_bad_commit_is_found_whatever_is_skipped(
        parents in histories(),
        fault in 0..20usize,
        goods in proptest::collection::vec(0..20usize, 1..3),
        skipped in proptest::collection::btree_set(0..20usize, 0..4),
    ) {
        let history = History::new(&parents, &[true]);
        let bad = parents.len() - 1;
        let suspects: Vec<usize> = history.before(bad).into_iter().collect();
        let fault = suspects[fault % suspects.len()];
        let is_bad = |number: usize| history.before(number).contains(&fault);
        let good = goods.iter().map(|good| good % parents.len());
        let good: Vec<usize> = good.filter(|good| !is_bad(*good)).collect();
        prop_assume!(!good.is_empty());
        let test = |number: usize| (!skipped.contains(&number)).then(|| is_bad(number));
        for git in programs() {
            let (answer, steps) = history.search(git.as_ref(), (&good, bad), &[], &test);
            match answer.unwrap() {
                Answer::First(found) => prop_assert_eq!(history.number(found), fault),
                Answer::Skipped(all) => {
                    prop_assert!(all.contains(&history.ids[fault]));
                    prop_assert!(!skipped.is_empty());
                }
                other => prop_assert!(false, "{:?}", other),
            }
            // Nothing is tested twice.
            prop_assert!(steps < parents.len());
        }
    }

    #[test]
    fn both_backends_suspect_the_same(
        parents in histories(),
        goods in proptest::collection::vec(0..20usize, 1..3),
        first_parent in any::<bool>(),
    ) {
        // With paths the program's answer depends on the order in which it comes to see what is good.
        let Ok(program) = Program::find("git") else { return Ok(()); };
        let history = History::new(&parents, &[true]);
        let bad = history.ids[parents.len() - 1];
        let known = Known {
            good: goods.iter().map(|good| history.ids[good % parents.len()]).collect(),
            first_parent,
            ..Known::default()
        };
        let by_program = all(&history.repository, &program, bad, &known, &|| false).unwrap();
        let by_library = library::suspects(&history.repository, bad, &known, &|| false).unwrap();
        prop_assert_eq!(by_program, by_library);
    }

    #[test]
    fn with_paths_the_commit_that_broke_the_file_is_found(
        parents in histories(),
        writes in proptest::collection::vec(any::<bool>(), 1..20),
        fault in 0..20usize,
    ) {
        let history = History::new(&parents, &writes);
        let content = |number: usize| {
            let tree = history.repository.find_commit(history.ids[number]).unwrap().tree().unwrap();
            let entry = tree.get_path(Path::new("a")).ok()?;
            let blob = history.repository.find_blob(entry.id()).unwrap();
            std::str::from_utf8(blob.content()).unwrap().parse::<usize>().ok()
        };
        // Bad is what a file has that was written from some commit on.
        let is_bad = |number: usize| content(number).is_some_and(|writer| history.before(writer).contains(&fault));
        let bad = parents.len() - 1;
        let good = history.before(bad).into_iter().find(|number| !is_bad(*number));
        prop_assume!(is_bad(bad) && good.is_some());
        let paths = [RelPath::parse("a").unwrap()];
        for git in programs() {
            let (answer, _) = history.search(git.as_ref(), (&[good.unwrap()], bad), &paths, &|number| Some(is_bad(number)));
            if let Answer::First(found) = answer.unwrap() {
                let number = history.number(found);
                prop_assert!(is_bad(number));
                prop_assert_eq!(content(number), Some(number));
            }
        }
    }

    /// As git chooses: whichever way the test goes, of those that can be the first bad one as many as can be are out.
    #[test]
    fn the_commit_to_test_parts_the_suspects_best(parents in histories(), good in 0..20usize) {
        let history = History::new(&parents, &[true]);
        let bad = parents.len() - 1;
        let reached: Vec<usize> = history.before(bad).into_iter().filter(|number| *number != bad).collect();
        let good = reached[good % reached.len()];
        let suspects = &history.before(bad) - &history.before(good);
        let parted = |number: usize| {
            let below = (&history.before(number) & &suspects).len();
            below.min(suspects.len() - below)
        };
        let best = suspects.iter().map(|number| parted(*number)).max();
        let known = Known { good: vec![history.ids[good]], ..Known::default() };
        for git in programs() {
            let found = bisect(&history.repository, git.as_ref(), history.ids[bad], &known, &|| false).unwrap();
            match found.answer {
                Answer::Next { commit, .. } => prop_assert_eq!(Some(parted(history.number(commit))), best),
                Answer::First(first) => prop_assert_eq!((history.number(first), suspects.len()), (bad, 1)),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
