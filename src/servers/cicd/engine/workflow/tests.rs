use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn refused(text: &str) -> Vec<String> {
    parse("ci.yml", text).unwrap_err().lines().collect()
}

fn one_step(step: &str) -> String {
    format!("jobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - {step}\n")
}

#[test]
fn reads_what_is_supported() {
    let text = "\
name: CI
on: { push: { branches: [main] } }
permissions: { contents: read }
concurrency: { group: \"${{ github.ref }}\", cancel-in-progress: true }
env: { A: 1, B: true, C: 3.10 }
defaults: { run: { shell: bash, working-directory: app } }
jobs:
  build:
    runs-on: [self-hosted, linux]
    env: { D: x }
    timeout-minutes: 1.5
    steps:
      - uses: actions/checkout@v4
        with: { fetch-depth: 0 }
      - id: make
        name: Make
        run: make all
        shell: sh
        working-directory: sub
        timeout-minutes: 2
        continue-on-error: true
  test:
    needs: build
    runs-on: ubuntu-24.04
    if: ${{ always() }}
    steps:
      - run: |
          echo one
          echo two
        if: failure()
";
    let workflow = parse("ci.yml", text).unwrap();
    assert_eq!(workflow.env["C"], "3.10", "scalars stay as written");
    let [build, test] = workflow.jobs.as_slice() else {
        panic!("two jobs")
    };
    assert_eq!(build.timeout, Some(Duration::from_secs(90)));
    assert_eq!(build.defaults.working_directory.as_deref(), Some("app"));
    assert_eq!(build.steps[0].work, Work::Checkout);
    let Work::Run(script) = &build.steps[1].work else {
        panic!("a script")
    };
    assert_eq!(
        (script.text.as_str(), script.shell),
        ("make all", Some(Shell::Sh))
    );
    assert_eq!(
        (test.needs.as_slice(), test.condition),
        ([0].as_slice(), Condition::Always)
    );
    assert_eq!(test.steps[0].condition, Condition::Failure);
    assert_eq!(test.steps[0].title(), "Run echo one");
}

#[test]
fn every_unsupported_thing_is_located() {
    for (step, place) in [
        (
            "uses: actions/setup-node@v4",
            "ci.yml:5:15: `uses: actions/setup-node@v4`",
        ),
        (
            "run: echo ${{ github.sha }}",
            "ci.yml:5:14: `${{ }}` expressions",
        ),
        (
            "{ run: x, if: github.ref == 'main' }",
            "ci.yml:5:23: `if: github.ref == 'main'`",
        ),
        ("{ run: x, shell: pwsh }", "ci.yml:5:26: shell `pwsh`"),
        (
            "{ run: x, colour: red }",
            "ci.yml:5:19: `colour` is not a key of a step",
        ),
        (
            "{ run: x, working-directory: ../.. }",
            "ci.yml:5:38: `working-directory`",
        ),
        (
            "{ run: x, timeout-minutes: -1 }",
            "ci.yml:5:36: `timeout-minutes`",
        ),
        (
            "{ name: nothing }",
            "ci.yml:5:9: a step needs `run` or `uses`",
        ),
        (
            "{ uses: actions/checkout@v4, with: { repository: other/one } }",
            "ci.yml:5:46: input `repository`",
        ),
        ("just text", "ci.yml:5:9: a step must be a mapping"),
    ] {
        let lines = refused(&one_step(step));
        assert!(
            lines.iter().any(|line| line.starts_with(place)),
            "{step}: {lines:?}"
        );
    }
    for (key, place) in [
        ("strategy: { matrix: { os: [a] } }", "ci.yml:6:5: matrix"),
        ("container: node", "ci.yml:6:5: `container`"),
        ("services: {}", "ci.yml:6:5: `services`"),
        ("outputs: { a: b }", "ci.yml:6:5: job outputs"),
        ("environment: prod", "ci.yml:6:5: deployment"),
        ("needs: nobody", "ci.yml:6:12: job `a` needs `nobody`"),
        ("needs: a", "ci.yml:6:12: job `a` needs itself"),
        ("bogus: 1", "ci.yml:6:5: `bogus`"),
    ] {
        let lines = refused(&format!("{}    {key}\n", one_step("run: x")));
        assert!(
            lines.iter().any(|line| line.starts_with(place)),
            "{key}: {lines:?}"
        );
    }
    let windows = one_step("run: x").replace("ubuntu-latest", "windows-2022");
    assert!(refused(&windows)[0].starts_with("ci.yml:3:14: `runs-on: windows-2022`"));
    assert!(refused("jobs: { a: { uses: ./x.yml, with: { a: b } } }")[0].contains("reusable"));
}

#[test]
fn all_problems_are_found_in_one_pass() {
    let text = "colour: red\njobs:\n  a:\n    runs-on: x\n    steps:\n      - uses: a/b@v1\n      - run: ${{ x }}\n";
    let lines = refused(text);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines.is_sorted());
}

#[test]
fn a_circle_of_needs_is_refused() {
    let job = |id: &str, needs: &str| {
        format!("  {id}: {{ runs-on: x, needs: [{needs}], steps: [{{ run: x }}] }}\n")
    };
    let text = format!("jobs:\n{}{}{}", job("a", "c"), job("b", "a"), job("c", "b"));
    assert_eq!(
        refused(&text),
        ["ci.yml:2:3: `needs` goes in a circle: a, b, c"]
    );
}

#[test]
fn broken_and_hostile_documents_are_refused_with_a_place() {
    for text in [
        "",
        "a: [",
        "a: 1\na: 2",
        "a: 1\n---\nb: 2",
        "- x",
        "jobs: {}",
        "<<: {}",
        "? [a]\n: b",
    ] {
        let lines = refused(text);
        assert!(lines[0].starts_with("ci.yml:"), "{text:?}: {lines:?}");
    }
    let deep = "[".repeat(10_000);
    assert!(!refused(&deep).is_empty());
    // Ten levels of ten aliases each: a gigabyte if expanded.
    let mut bomb = String::from("env: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..10 {
        let alias = format!("*a{}", level - 1);
        let aliases = [alias.as_str(); 10].join(", ");
        bomb.push_str(
            &[
                "k",
                &level.to_string(),
                ": &a",
                &level.to_string(),
                " [",
                &aliases,
                "]
",
            ]
            .concat(),
        );
    }
    assert!(refused(&bomb)[0].contains("too many nodes"));
}

proptest! {
    #[test]
    fn random_text_never_panics(text in "\\PC{0,400}") {
        let _ = parse("x.yml", &text);
    }

    #[test]
    fn random_yaml_like_text_never_panics(
        lines in prop::collection::vec("[ ]{0,8}(jobs|steps|run|needs|if|env|uses|- |&a |\\*a|\"|'|\\||>|[a-z]{1,4})(:| |\n|\\{|\\[|\\]|\\})", 0..60)
    ) {
        let _ = parse("x.yml", &lines.join("\n"));
    }
}
