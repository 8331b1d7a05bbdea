#!/usr/bin/env bash
# Installs what a build needs and is missing. Sourced by demo.sh, test.sh and fuzz.sh; safe to run twice.
# Needs the Rust toolchain (rustup or cargo of the version in rust-toolchain.toml).
set -euo pipefail

prepare_say() { printf '\n== %s\n' "$*"; }

# prepare_packages NAME…: Debian packages that are not installed yet.
prepare_packages() {
    local missing=() name
    for name in "$@"; do
        dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'install ok installed' || missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    prepare_say "installing ${missing[*]}"
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

prepare_build() {
    command -v cargo >/dev/null || { echo "cargo is missing: install the Rust toolchain first" >&2; exit 3; }
    # gcc: SQLite is compiled in. libssl-dev, pkg-config: the openssl crate. g++, cmake, make,
    # zlib1g-dev: librdkafka is compiled in; its sources want a header of curl, which is not linked.
    prepare_packages gcc g++ libc6-dev make cmake pkg-config libssl-dev zlib1g-dev \
        libcurl4-openssl-dev
}

# prepare_postgres: PostgreSQL, without the cluster that Debian would make and start by itself.
prepare_postgres() {
    local as_root=() settings=/etc/postgresql-common/createcluster.d
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    if ! dpkg-query -W postgresql-15 >/dev/null 2>&1; then
        "${as_root[@]}" mkdir -p "$settings"
        echo 'create_main_cluster = false' |
            "${as_root[@]}" tee "$settings/license-hub.conf" >/dev/null
    fi
    prepare_packages postgresql-15
}

# prepare_engines: what Kafka and PostgreSQL need; only the tests and `demo.sh --kafka` do.
prepare_engines() {
    prepare_packages openjdk-17-jre-headless maven openssl
    prepare_postgres
}

# prepare_faults: libfaketime, with which a test gives one node a wrong clock.
prepare_faults() { prepare_packages libfaketime; }

# prepare_peers: other verifiers, beside which the tests and a bench run ours. Where one cannot be
# prepared, its tests say that they are skipped.
prepare_peers() {
    prepare_packages openjdk-17-jdk-headless maven python3 python3-venv
    prepare_say "other verifiers: EU DSS, ofdrw, pyHanko"
    deploy/peers.sh install || echo "WITHOUT THEM: their tests are skipped" >&2
}

# prepare_cargo_deny: the dependency checker, of one version, in the target folder.
prepare_cargo_deny() {
    local version=0.20.2 root="${HUB_TOOLS:-$HOME/.cache/license-hub/tools}"
    export PATH="$root/bin:$PATH"
    if ! cargo deny --version 2>/dev/null | grep -q " $version"; then
        prepare_say "building cargo-deny $version (once)"
        # Its own folder, outside the checkout: rust-toolchain.toml must not decide its toolchain twice.
        (cd / && cargo install cargo-deny --version "$version" --locked --debug --root "$root" --quiet)
    fi
}

# prepare_cargo_fuzz: what runs the fuzz targets, of one version. It works with the pinned toolchain:
# only sanitizers of memory would need a nightly one.
prepare_cargo_fuzz() {
    local version=0.13.2 root="${HUB_TOOLS:-$HOME/.cache/license-hub/tools}"
    export PATH="$root/bin:$PATH"
    if ! cargo fuzz --version 2>/dev/null | grep -q " $version"; then
        prepare_say "building cargo-fuzz $version (once)"
        (cd / && cargo install cargo-fuzz --version "$version" --locked --debug --root "$root" --quiet)
    fi
}
