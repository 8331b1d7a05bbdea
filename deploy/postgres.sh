#!/usr/bin/env bash
# PostgreSQL 15 on this machine, a cluster of its own for tests and the demo. It runs as an
# unprivileged user (as root: as Debian's user postgres), on loopback, durable as in production.
#
#   postgres.sh install          Debian's package, without starting Debian's own cluster
#   postgres.sh start            make the cluster, start it, print its URL
#   postgres.sh create NAME…     make databases that are not there yet
#   postgres.sh url [NAME]       URL of a database, of the first one without NAME
#   postgres.sh stop             stop it; the data stay
#   postgres.sh kill             kill -9 of the server   (start again with start)
#   postgres.sh pause            let all its processes stand still   (resume: let them go on)
#   postgres.sh clean            stop it, remove the data
#   postgres.sh folder           where the data lie
#   postgres.sh tool NAME ARGUMENTS   one of PostgreSQL's own programs
#
# HUB_RUN              folder of what runs here (default ~/.cache/license-hub/run)
# HUB_POSTGRES_PORT    15432
# HUB_POSTGRES_SCRAM=1 a random password for the superuser, SCRAM-SHA-256; default: no password
# HUB_POSTGRES_FAST=1  fsync off, for tests that need no durability
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$HERE/processes.sh"
PORT="${HUB_POSTGRES_PORT:-15432}"
BIN=/usr/lib/postgresql/15/bin
# Starts in a fraction of a second; after a kill it first replays its log.
START_WAIT_S=60

# The user postgres cannot enter root's home: root's clusters lie where it can, one per HUB_RUN.
if [ "$(id -u)" = 0 ]; then
    RUN="/var/tmp/license-hub-postgres-$(printf %s "$HUB_RUN" | sha256sum | head -c 12)"
else
    RUN="$HUB_RUN/postgres"
fi
DATA="$RUN/data"

# as_server COMMAND…: as the user whose cluster it is, from a folder that it may enter.
as_server() {
    if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- "$@"); else (cd / && "$@"); fi
}

install() {
    [ -x "$BIN/initdb" ] && return 0
    source "$HERE/prepare.sh"
    prepare_postgres
}

make_cluster() {
    local identification=(-A trust)
    mkdir -p "$RUN"
    if [ "$(id -u)" = 0 ]; then chown postgres: "$RUN"; fi
    if [ "${HUB_POSTGRES_SCRAM:-0}" = 1 ]; then
        as_server sh -c 'umask 077; openssl rand -hex 24 >"$1"' - "$RUN/password"
        identification=(-A scram-sha-256 "--pwfile=$RUN/password")
    fi
    as_server "$BIN/initdb" -D "$DATA" -U postgres "${identification[@]}" \
        -E UTF8 --locale=C.UTF-8 >"$RUN.initdb.log" || { cat "$RUN.initdb.log" >&2; exit 3; }
    rm -f "$RUN.initdb.log"
    {
        echo "listen_addresses = '127.0.0.1'"
        echo "unix_socket_directories = '$RUN'"
        echo "shared_buffers = 128MB"
        # Three nodes with their pools, the tests' own connections and some to look around.
        echo "max_connections = 200"
        if [ "${HUB_POSTGRES_FAST:-0}" = 1 ]; then
            printf '%s = off\n' fsync synchronous_commit full_page_writes
        fi
    } | as_server tee -a "$DATA/postgresql.conf" >/dev/null
}

# Id of the server whose folder this is, if it runs: its file may outlive it, so the process must
# also stand in the folder of this cluster.
server_id() {
    local pid
    pid=$(as_server head -1 "$DATA/postmaster.pid" 2>/dev/null) || return 1
    [ "$(as_server readlink "/proc/$pid/cwd")" = "$DATA" ] && echo "$pid"
}

start() {
    local deadline=$((SECONDS + START_WAIT_S))
    install
    as_server test -e "$DATA/PG_VERSION" || make_cluster
    if ! server_id >/dev/null; then
        port_answers "$PORT" &&
            { echo "port $PORT is taken by another program: set HUB_POSTGRES_PORT" >&2; exit 3; }
        # After a kill -9 the old server's children may still hold its memory for a moment.
        until as_server "$BIN/pg_ctl" -D "$DATA" -o "-p $PORT" -l "$RUN/log" -w -t 30 start >/dev/null
        do
            [ "$SECONDS" -lt "$deadline" ] || { as_server tail -20 "$RUN/log" >&2; exit 3; }
            sleep 0.2
        done
    fi
    url
}

stop() {
    server_id >/dev/null || return 0
    # fast: open transactions are rolled back, clients are told.
    as_server "$BIN/pg_ctl" -D "$DATA" -m fast -w -t 60 stop >/dev/null
}

# signal_all SIGNAL: to the server and the processes that it has started.
signal_all() {
    local server
    server=$(server_id)
    # The server first: what stands still starts no further process.
    kill "-$1" "$server" $(cat "/proc/$server/task/$server/children")
}

url() {
    local password=""
    if as_server test -e "$RUN/password"; then password=":$(as_server cat "$RUN/password")"; fi
    echo "postgres://postgres$password@127.0.0.1:$PORT/${1:-postgres}"
}

create() {
    local name
    for name in "$@"; do
        [[ "$name" =~ ^[a-z][a-z0-9_]*$ ]] || { echo "not a database name: $name" >&2; exit 2; }
        "$BIN/psql" "$(url)" -Atqc "select 1 from pg_database where datname = '$name'" | grep -q 1 ||
            "$BIN/psql" "$(url)" -qc "create database $name"
    done
}

case "${1:-}" in
    install) install ;;
    start) start ;;
    create) shift; create "$@" ;;
    url) url "${2:-}" ;;
    stop) stop ;;
    kill) kill -KILL "$(server_id)" ;;
    pause) signal_all STOP ;;
    resume) signal_all CONT ;;
    clean) stop; rm -rf "$RUN" ;;
    folder) echo "$RUN" ;;
    tool) "$BIN/$2" "${@:3}" ;;
    *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 2 ;;
esac
