#!/usr/bin/env bash
# The main job on one machine: builds the program and runs `hub demo`; arguments are passed on,
# for instance `deploy/demo.sh --exit` or `deploy/demo.sh --data DIR`. Installs what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
source deploy/prepare.sh
prepare_build
prepare_say "building (the first time takes some minutes)"
cargo build --release --package hub --locked --quiet
prepare_say "hub demo $*"
exec "${CARGO_TARGET_DIR:-target}/release/hub" demo "$@"
