#!/usr/bin/env bash
# Kafka and PostgreSQL of one run alone, so that several runs can stand side by side. Sourced, after
# processes.sh, by scripts that need both.

# engines_folder NAME: a new folder for the run of that name, in HUB_RUN. `engines_remove` at its end.
engines_folder() {
    HUB_RUN=$(mktemp -d "${TMPDIR:-/tmp}/license-hub-$1-XXXXXX")
    export HUB_RUN
}

# engines_start: both on free ports; HUB_BROKERS and HUB_DATABASE say where.
engines_start() {
    echo "starting Kafka and PostgreSQL" >&2
    HUB_KAFKA_PORT=$(free_ports 10)
    export HUB_KAFKA_PORT
    HUB_BROKERS=$(deploy/kafka.sh start)
    HUB_POSTGRES_PORT=$(free_ports 1)
    export HUB_POSTGRES_PORT
    HUB_DATABASE=$(deploy/postgres.sh start)
    echo "Kafka at $HUB_BROKERS, PostgreSQL at 127.0.0.1:$HUB_POSTGRES_PORT" >&2
}

# engines_stop: both, keeping their data.
engines_stop() {
    deploy/kafka.sh stop || true
    deploy/postgres.sh stop || true
}

# engines_remove: both with their data, and the run's folder.
engines_remove() {
    deploy/kafka.sh clean || true
    deploy/postgres.sh clean || true
    rm -rf "$HUB_RUN"
}
