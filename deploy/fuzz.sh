#!/usr/bin/env bash
# Fuzzes the readers of hostile input: tests/fuzz says what must hold for every input.
#
#   deploy/fuzz.sh [TARGET…] [--minutes N] [--shared] [--keep]
#
# Runs every target, or those named, for N minutes of CPU each (30), in turns of a minute, and says
# executions, coverage and findings. A finding is an input in tests/fuzz/artifacts/TARGET; once it
# is fixed, it belongs into tests/fuzz/corpus/TARGET. `--shared` begins also with the files of
# ../shared/corpus; `--keep` puts what a run found worth keeping into tests/fuzz/corpus afterwards.
# The two exclude each other: nothing that was made of other people's files is kept.
# Ends with 1 when there is a finding.
set -euo pipefail
cd "$(dirname "$0")/.."
source deploy/prepare.sh

minutes=30 shared='' keep='' targets=()
while [ $# -gt 0 ]; do
    case "$1" in
        --minutes) minutes=${2:?--minutes needs a number}; shift ;;
        --shared) shared=1 ;;
        --keep) keep=1 ;;
        -*) echo "usage: deploy/fuzz.sh [TARGET…] [--minutes N] [--shared] [--keep]" >&2; exit 2 ;;
        *) targets+=("$1") ;;
    esac
    shift
done
[ -z "$shared$keep" ] || [ "$shared" != "$keep" ] ||
    { echo "--keep without --shared: the files of the corpus are other people's" >&2; exit 2; }
all=(zip xml seal certificate crl envelope entry cms pdf)
[ ${#targets[@]} -gt 0 ] || targets=("${all[@]}")

# Turns of a minute; the longest input and the most memory of one; what is kept of one target.
turn_s=60 memory_mb=768 kept_bytes=200000
longest() { case "$1" in zip) echo 65536 ;; pdf) echo 32768 ;; cms) echo 5900 ;; *) echo 16384 ;; esac; }

prepare_build
prepare_cargo_fuzz
work=${HUB_FUZZ_WORK:-$PWD/tests/fuzz/work}
binaries=${CARGO_TARGET_DIR:-$PWD/tests/fuzz/target}
export CARGO_TARGET_DIR=$binaries
prepare_say "building"
# The program holds no unsafe code: no sanitizer of memory, which would halve the speed. Whatever
# else goes wrong ends in a panic, a time-out or a bound on memory.
cargo fuzz build --fuzz-dir tests/fuzz --sanitizer none
binaries=$binaries/$(rustc -vV | sed -n 's/^host: //p')/release

# fuzz_turn TARGET: one turn. Adds its CPU seconds to the account.
fuzz_turn() {
    local target=$1 log=$work/$1.log inputs=("$work/$1") cpu TIMEFORMAT='%U %S'
    mkdir -p "$work/$target" "tests/fuzz/artifacts/$target"
    inputs+=("tests/fuzz/seeds/$target")
    [ ! -d "tests/fuzz/corpus/$target" ] || inputs+=("tests/fuzz/corpus/$target")
    [ -z "$shared" ] || case "$target" in
        zip) inputs+=(../shared/corpus/ofd) ;;
        pdf) inputs+=(../shared/corpus/pdf) ;;
    esac
    cpu=$({ time "$binaries/$target" "${inputs[@]}" -max_total_time=$turn_s -print_final_stats=1 \
        -max_len="$(longest "$target")" -timeout=60 -rss_limit_mb=$memory_mb -reload=0 \
        -artifact_prefix="tests/fuzz/artifacts/$target/" -use_value_profile=1 \
        >>"$log" 2>&1 || true; } 2>&1)
    awk '{ print $1 + $2 }' <<<"$cpu" >>"$work/$target.cpu"
}
fuzz_cpu() { awk '{ sum += $1 } END { printf "%.1f", sum / 60 }' "$work/$1.cpu" 2>/dev/null || echo 0; }
fuzz_executed() { awk '/number_of_executed_units/ { sum += $2 } END { print sum + 0 }' "$work/$1.log"; }
fuzz_coverage() { grep -o 'cov: [0-9]* ft: [0-9]*' "$work/$1.log" | tail -1; }
fuzz_findings() { find "tests/fuzz/artifacts/$1" -type f ! -name 'slow-unit-*' | wc -l; }

# fuzz_keep TARGET: the smallest inputs that reach what was reached, within a bound of bytes.
fuzz_keep() {
    local target=$1 merged=$work/$1.merged kept=tests/fuzz/corpus/$1 sum=0 size file
    rm -rf "$merged" && mkdir -p "$merged" "$kept"
    "$binaries/$target" -merge=1 -max_len="$(longest "$target")" "$merged" "tests/fuzz/seeds/$target" \
        "$kept" "$work/$target" >>"$log_of_merges" 2>&1
    # Inputs of earlier findings have a name of their own, and stay.
    find "$kept" -type f -regextype posix-extended -regex '.*/[0-9a-f]{40}' -delete
    while read -r size file; do
        cmp -s "$file" "tests/fuzz/seeds/$target/$(basename "$file")" && continue
        sum=$((sum + size))
        [ "$sum" -le "$kept_bytes" ] || break
        cp "$file" "$kept/$(sha1sum "$file" | cut -c1-40)"
    done < <(find "$merged" -type f -printf '%s %p\n' | sort -n)
}

mkdir -p "$work"
log_of_merges=$work/merges.log
prepare_say "fuzzing ${targets[*]}, $minutes minutes of CPU each"
unfinished=1
while [ -n "$unfinished" ]; do
    unfinished=''
    for target in "${targets[@]}"; do
        awk -v done="$(fuzz_cpu "$target")" -v all="$minutes" 'BEGIN { exit !(done < all) }' || continue
        unfinished=1
        fuzz_turn "$target"
    done
done

[ -z "$keep" ] || for target in "${targets[@]}"; do fuzz_keep "$target"; done
findings=0
for target in "${targets[@]}"; do
    count=$(fuzz_findings "$target")
    findings=$((findings + count))
    printf '%-12s %6s CPU minutes, %10s executions, %s, %s findings\n' "$target" \
        "$(fuzz_cpu "$target")" "$(fuzz_executed "$target")" "$(fuzz_coverage "$target")" "$count"
done
[ "$findings" -eq 0 ]
