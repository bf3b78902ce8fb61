# What a developer types. `just` lists them.

_default:
    @just --list

# run the hub
run:
    cargo run --release

# all tests (SYNDARIX_TEST_POSTGRES=postgres://… adds the second database)
test:
    cargo test

# the official MCP conformance suite, both protocol eras (fetches it with npm, once)
conformance:
    tests/conformance/run

# the official SDKs, the llm command and Claude Code against /v1, MCP's own by OAuth (fetches them with pip and npm, once)
sdks *words:
    tests/sdks/run "" {{words}}

# the OpenAPI document and what the hub makes of it, by Spectral and Schemathesis (fetches them with npm and pip, once); `-n 10` is quicker
openapi *words:
    tests/openapi/run {{words}}

# what must hold before a change lands
ci:
    .ci/run

# format and lint
tidy:
    cargo fmt --all
    cargo clippy --all-targets -- -D warnings

# what one call costs, in-process and over each transport
bench:
    cargo bench --bench call --bench transport

# the hub under load: calls a second, a thousand streams, a stalled reader, ten times its capacity
bench-load *parts:
    cargo bench --bench load -- {{parts}}

# the hub beside a bare rmcp server and FastMCP, which FASTMCP_PYTHON has (see benches/peers/fastmcp_server.py)
bench-peers:
    cargo build --release --example bare_rmcp
    cargo bench --bench load -- peers

# what the LLM gateway costs, beside a bare proxy; `peers` adds the gateways that LLM_PEERS_PYTHON has (see benches/peers/llm_peers.py)
bench-llm *parts:
    cargo bench --bench llm -- {{parts}}

# how fast the knowledge base is with 100,000 chunks, beside tantivy and SQLite's FTS5 (`engine peers hub builtin`)
bench-knowledge *parts:
    cargo bench --bench knowledge -- {{parts}}

# what file_system costs in 50,000 files, beside ripgrep and (FILESYSTEM_SERVER="node …/index.js") the reference server
bench-files:
    cargo bench --bench files

# what git-mcp costs on a large repository, beside the git program and (GIT_SERVER=mcp-server-git) the reference server; `repository` is a bare clone, of rust-lang/cargo for instance
bench-git repository:
    cargo bench --bench git -- {{repository}}

# how well search finds what a set says is relevant: docs.jsonl(.gz), queries.jsonl and qrels.jsonl in `dir`; writes TREC runs to `runs`
eval-retrieval dir *runs:
    cargo bench --bench retrieval -- {{dir}} {{runs}}

# kill -9 a release hub at work on its knowledge base, again and again, and compare what is left
crash-knowledge cycles="200":
    CRASH_CYCLES={{cycles}} CRASH_SEED=$RANDOM cargo test --release --test it knowledge_base::crash -- --nocapture

# kill -9 a release hub at work on files, commits and merges, again and again, and look what is left
crash-workspaces cycles="200":
    CRASH_CYCLES={{cycles}} cargo test --release --test it -- git::crash file_system::dead_hub --nocapture

# kill -9 a release hub at work on issues, administration, runs and models, again and again, and look what is left and on record
crash-hub cycles="200":
    CRASH_CYCLES={{cycles}} cargo test --release --test it -- crash::whatever --nocapture

# fill the disk of a release hub, and look that it says so, loses nothing and gets well by itself
disk-full *binary:
    tests/hard/disk_full {{binary}}

# a release hub under a mixed load for so many minutes: memory and descriptors must stay flat
soak minutes="30":
    tests/hard/soak {{minutes}}

# ten questions about this repository's last commit, put to a release hub without a network
ask-docs:
    tests/asked/run

# accept changed contract snapshots
snapshots:
    INSTA_UPDATE=always cargo test --test it contract
