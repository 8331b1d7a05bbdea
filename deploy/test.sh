#!/usr/bin/env bash
# The tests: style, lints, documentation, dependencies, every test. `--long` adds the counted runs
# (kill -9 and damage runs at full count) and the wire and invariant tests with their nodes on Kafka
# and PostgreSQL. Installs what is missing; ends non-zero on the first failure.
set -euo pipefail
cd "$(dirname "$0")/.."
source deploy/prepare.sh
source deploy/processes.sh
source deploy/engines.sh

case "${1:-}" in
    '') ;;
    --long) export HUB_LONG=1 ;;
    *) echo "usage: deploy/test.sh [--long]" >&2; exit 2 ;;
esac

cat <<'NOTE'
This checks the whole tree. It installs missing Debian packages (a compiler, Java, Maven, Python,
PostgreSQL), fetches Kafka and two other verifiers from Maven Central and a third one from PyPI, once,
and starts a Kafka broker and a PostgreSQL cluster of its own on free ports of this machine; both are
stopped and removed at the end. The first run compiles everything and takes most of its time for that.
NOTE

prepare_build
prepare_engines
prepare_faults
prepare_peers
prepare_cargo_deny

prepare_say "format"
cargo fmt --all --check
prepare_say "lints"
cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
prepare_say "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet
prepare_say "dependencies: bans, licences, sources"
# Also what other systems would need: the checker reads every package of the lock file.
cargo fetch --locked --quiet
cargo deny --offline --log-level error check bans licenses sources

# The program first: the process tests start it.
prepare_say "building"
cargo build --package hub --locked --quiet
cargo test --workspace --locked --no-run --quiet

engines_folder test
trap engines_remove EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
engines_start
export HUB_TEST_KAFKA=$HUB_BROKERS HUB_TEST_POSTGRES=$HUB_DATABASE

prepare_say "tests"
cargo test --workspace --locked

prepare_say "tests with a broker of their own: TLS, passwords and rules; one that is killed"
with_own_broker() (
    export HUB_RUN="$HUB_RUN/own"
    HUB_KAFKA_PORT=$(free_ports 10)
    export HUB_KAFKA_PORT
    trap 'deploy/kafka.sh clean' EXIT
    HUB_TEST_KAFKA=$(deploy/kafka.sh start)
    export HUB_TEST_KAFKA HUB_TEST_KAFKA_TLS=$HUB_TEST_KAFKA
    export HUB_TEST_KAFKA_SECRETS=$HUB_RUN/kafka/secrets
    export HUB_TEST_KAFKA_RESTART="$PWD/deploy/kafka.sh kill 1 && $PWD/deploy/kafka.sh restart 1"
    cargo test --package connectors --lib --locked -- "$1"
)
HUB_KAFKA_TLS=1 with_own_broker only_who_proves_its_name
with_own_broker a_broker_that_is_killed

if [ "${HUB_LONG:-}" ]; then
    prepare_say "wire and invariant tests, their nodes on Kafka and PostgreSQL"
    HUB_TEST_BUS=kafka HUB_TEST_STORE=postgres \
        cargo test --package tests --test integration --locked -- wire:: invariants::
fi
