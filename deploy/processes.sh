#!/usr/bin/env bash
# Processes that the scripts here start, and ports. Sourced by kafka.sh, postgres.sh and whoever
# starts both. A process is remembered by its id and its start time, so that nothing is ever
# signalled that another program started under the same id.

# HUB_RUN: folder of everything that runs; several of them can run side by side.
export HUB_RUN="${HUB_RUN:-$HOME/.cache/license-hub/run}"

# process_started PID: when the process started, in ticks since the machine's start.
process_started() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    # The second field, the name in parentheses, may hold spaces.
    set -- ${stat##*) }
    echo "${20}"
}

# process_remember FILE PID
process_remember() { echo "$2 $(process_started "$2")" >"$1"; }

# process_id FILE: id of the remembered process if it still runs.
process_id() {
    local pid started
    read -r pid started 2>/dev/null <"$1" || return 1
    [ "$(process_started "$pid")" = "$started" ] || return 1
    [ "$(sed 's/.*) \(.\).*/\1/' "/proc/$pid/stat")" != Z ] || return 1
    echo "$pid"
}

# process_stop FILE SECONDS: SIGTERM, and SIGKILL when it still runs after that time.
process_stop() {
    local file=$1 deadline=$((SECONDS + $2)) pid
    pid=$(process_id "$file") || { rm -f "$file"; return 0; }
    kill -TERM "$pid"
    while process_id "$file" >/dev/null; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            echo "process $pid did not stop within $2 s: killed" >&2
            kill -KILL "$pid"
        fi
        sleep 0.1
    done
    rm -f "$file"
}

# port_answers PORT: whether something listens on this machine's port.
port_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_ports COUNT: first of that many neighbouring ports on which nothing listens. Below the
# ports that the system gives to outgoing connections.
free_ports() {
    local try first port
    for try in $(seq 1 50); do
        first=$((20000 + (RANDOM % 1100) * 10))
        for port in $(seq "$first" $((first + $1 - 1))); do
            port_answers "$port" && continue 2
        done
        echo "$first"
        return 0
    done
    echo "no $1 free ports found in $try tries" >&2
    return 1
}
