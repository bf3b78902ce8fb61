# What a developer types. `just` lists them.

_default:
    @just --list

# run the hub
run:
    cargo run --release

# all tests (SYNDARIX_TEST_POSTGRES=postgres://… adds the second database)
test:
    cargo test

# what must hold before a change lands
ci:
    .ci/run

# format and lint
tidy:
    cargo fmt
    cargo clippy --all-targets -- -D warnings

# what one call costs, on every face
bench:
    cargo bench --bench call

# accept changed contract snapshots
snapshots:
    INSTA_UPDATE=always cargo test --test it contract
