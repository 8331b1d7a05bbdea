#!/usr/bin/env bash
# The main job on one machine: builds the program and runs `hub demo`; arguments are passed on,
# for instance `deploy/demo.sh --exit` or `deploy/demo.sh --data DIR`. Installs what is missing.
#
# With --kafka the nodes are three `hub serve` processes on Apache Kafka and PostgreSQL, which this
# script starts on free ports and stops at the end; with --data DIR their data are kept, too.
set -euo pipefail
cd "$(dirname "$0")/.."
source deploy/prepare.sh
source deploy/processes.sh
source deploy/engines.sh

on_kafka=0 data="" arguments=()
while [ $# -gt 0 ]; do
    case "$1" in
        --kafka) on_kafka=1 ;;
        --data) data=${2:?--data wants a folder}; arguments+=(--data "$data"); shift ;;
        --data=*) data=${1#--data=}; arguments+=("$1") ;;
        *) arguments+=("$1") ;;
    esac
    shift
done

prepare_build
[ "$on_kafka" = 0 ] || prepare_engines
prepare_say "building (the first time takes some minutes)"
cargo build --release --package hub --locked --quiet
hub="${CARGO_TARGET_DIR:-target}/release/hub"
if [ "$on_kafka" = 0 ]; then
    prepare_say "hub demo ${arguments[*]}"
    exec "$hub" demo "${arguments[@]}"
fi

if [ -n "$data" ]; then
    mkdir -p "$data/engines"
    HUB_RUN=$(cd "$data/engines" && pwd)
    export HUB_RUN
    trap engines_stop EXIT
else
    engines_folder demo
    trap engines_remove EXIT
fi
# The program hears Ctrl-C itself and stops its nodes first.
trap : INT
trap 'exit 143' TERM

engines_start
# The nodes' names: of the minted libraries, and with --source.
deploy/postgres.sh create hub_national hub_zhejiang hub_sichuan hub_home hub_using

prepare_say "hub demo ${arguments[*]} --kafka $HUB_BROKERS"
"$hub" demo "${arguments[@]}" --kafka "$HUB_BROKERS" --postgres "$(deploy/postgres.sh url 'hub_{node}')"
