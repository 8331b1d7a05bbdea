#!/usr/bin/env bash
# The benches: what the program costs beside the least that does the same work, in one run on one
# broker and one database that this starts and removes. Prints a table at the end.
#
#   bench.sh                     all of them; some ten minutes on two quiet cores, after the build
#   bench.sh NAME…               some: ask bus files lookup peers revocation sm2 sync verify
#   bench.sh --entries N NAME…   entries in the directory of lookup, 100000; ten
#                                million take an hour to load and some 30 GB
#
# Figures of one run compare, those of two runs do not; anything else that runs shows in them.
set -euo pipefail
cd "$(dirname "$0")/.."
source deploy/prepare.sh
source deploy/processes.sh
source deploy/engines.sh

if [ "${1:-}" = --entries ]; then
    export HUB_BENCH_ENTRIES=${2:?"--entries N"}
    shift 2
fi
if [ $# -eq 0 ]; then set -- sm2 verify peers lookup bus ask sync files revocation; fi
for name in "$@"; do
    [ -e "benches/benches/$name.rs" ] || { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 2; }
done

prepare_build
prepare_engines
[[ " $* " != *" peers "* ]] || prepare_peers
prepare_say "building"
cargo bench --package benches --locked --quiet --no-run "${@/#/--bench=}"

engines_folder bench
trap engines_remove EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
engines_start
export HUB_TEST_KAFKA=$HUB_BROKERS HUB_TEST_POSTGRES=$HUB_DATABASE
# The nodes of the benches run on what nodes run on at scale.
export HUB_TEST_BUS=kafka HUB_TEST_STORE=postgres
export HUB_BENCH_TABLE=$HUB_RUN/table

for name in "$@"; do
    prepare_say "$name"
    started=$SECONDS
    cargo bench --package benches --locked --quiet --bench "$name"
    echo "($((SECONDS - started)) s)"
done
prepare_say "what is compared | hub | the other | ratio (rounds) | wanted"
sed 's/\t/ | /g' "$HUB_BENCH_TABLE"
