#!/usr/bin/env bash
# Other verifiers, which tests and benches run beside ours on the same files: EU DSS and ofdrw
# (Maven Central, Java), pyHanko (PyPI, Python). Their versions and what drives them are in
# tests/peers; they are fetched once, over checked sums.
#
#   peers.sh install         fetch and build what is missing; names what it could not prepare
#   peers.sh run dss TRUST TIME             one process that answers lines (tests/peers/Peer.java)
#   peers.sh run ofdrw [tuned]
#   peers.sh run pyhanko TRUST TIME [tuned]
#
# Status 3: a peer is not prepared. ofdrw unpacks every file below TMPDIR and leaves there what it
# cannot read: give it a folder of its own.
#
# HUB_PEERS        folder of what was fetched (default ~/.cache/license-hub/peers)
# HUB_PEERS_JAVA   settings of Java for run
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SOURCES="$HERE/../tests/peers"
PEERS="${HUB_PEERS:-$HOME/.cache/license-hub/peers}"
declare -A CLASS=([dss]=Dss [ofdrw]=Ofdrw)

# folder_of NAME: where the peer lies, another one whenever its version or driver changes.
folder_of() {
    local digest
    case "$1" in
        dss | ofdrw) digest=$(cat "$SOURCES/$1"/* "$SOURCES/Peer.java" | sha256sum) ;;
        pyhanko) digest=$(cat "$SOURCES/requirements.txt" | sha256sum) ;;
        *) echo "no such peer: $1" >&2; exit 2 ;;
    esac
    echo "$PEERS/$1-${digest:0:12}"
}

# prepare NAME COMMAND…: runs the command in the peer's new folder, once.
prepare() {
    local folder
    folder=$(folder_of "$1")
    [ -e "$folder/.complete" ] && return 0
    echo "preparing $1" >&2
    rm -rf "$folder"
    mkdir -p "$folder"
    if (cd "$folder" && "${@:2}") >&2; then
        touch "$folder/.complete"
    else
        rm -rf "$folder"
        echo "NOT PREPARED: $1, see above" >&2
        return 1
    fi
}

# Their commands are joined: where success is asked for, bash goes on after a failure.
java_peer() {
    # -C: a sum that does not match what came is an error.
    mvn -q -B -C -Dstyle.color=never -f "$SOURCES/$1/pom.xml" \
        org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$PWD/jars" &&
        # The option: without a warning about a class of Java itself that has no other name.
        javac -XDignore.symbol.file -cp 'jars/*' -d classes \
            "$SOURCES/Peer.java" "$SOURCES/$1"/*.java
}

python_peer() {
    python3 -m venv venv &&
        venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
            --only-binary :all: --requirement "$SOURCES/requirements.txt"
}

install() {
    local missing=0
    prepare dss java_peer dss || missing=1
    prepare ofdrw java_peer ofdrw || missing=1
    prepare pyhanko python_peer || missing=1
    return "$missing"
}

run() {
    local folder
    folder=$(folder_of "$1")
    [ -e "$folder/.complete" ] || { echo "$1 is not prepared: deploy/peers.sh install" >&2; exit 3; }
    # Names of files may be of any letters.
    export LC_ALL=C.UTF-8
    case "$1" in
        pyhanko) exec "$folder/venv/bin/python" "$SOURCES/pyhanko_peer.py" "${@:2}" ;;
        *) exec java ${HUB_PEERS_JAVA:--Xmx1g} -Djava.io.tmpdir="${TMPDIR:-/tmp}" \
            -cp "$folder/classes:$folder/jars/*" "${CLASS[$1]}" "${@:2}" ;;
    esac
}

case "${1:-}" in
    install) install ;;
    run) run "${@:2}" ;;
    *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 2 ;;
esac
