#!/usr/bin/env bash
# The tests: style, lints, documentation, dependencies, every test. `--long` adds the counted runs
# (kill -9 and damage runs at full count). Installs what is missing; ends non-zero on the first failure.
set -euo pipefail
cd "$(dirname "$0")/.."
source deploy/prepare.sh

case "${1:-}" in
    '') ;;
    --long) export HUB_LONG=1 ;;
    *) echo "usage: deploy/test.sh [--long]" >&2; exit 2 ;;
esac

prepare_build
prepare_cargo_deny

prepare_say "format"
cargo fmt --all --check
prepare_say "lints"
cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
prepare_say "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet
prepare_say "dependencies: bans, licences, sources"
cargo deny --offline --log-level error check bans licenses sources
prepare_say "tests"
# The program first: the process tests start it.
cargo build --package hub --locked --quiet
cargo test --workspace --locked
