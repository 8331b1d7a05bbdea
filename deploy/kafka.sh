#!/usr/bin/env bash
# Apache Kafka (KRaft) on this machine, one broker or three, for tests and the demo.
#
#   kafka.sh install      fetch the jars (Maven Central), once
#   kafka.sh start [1|3]  start brokers and wait until they serve; prints their addresses
#   kafka.sh stop         stop them in good order; the data stay
#   kafka.sh kill N       kill -9 broker N          kafka.sh restart N   start it again
#   kafka.sh pause N      let broker N stand still  kafka.sh resume N    let it go on
#   kafka.sh status       what runs                 kafka.sh clean       stop, remove the data
#   kafka.sh certs        certificates and passwords of HUB_KAFKA_TLS=1
#   kafka.sh acls FILE    let each node do what it needs: rules of `hub topics acls --config FILE`
#   kafka.sh tool CLASS ARGUMENTS                   one of Kafka's own tools
#
# HUB_RUN          folder of data, logs and secrets (default ~/.cache/license-hub/run)
# HUB_KAFKA_PORT   port of broker 1, 19092; broker N uses the ports from 10·(N-1) above it
# HUB_KAFKA_HEAP   memory of one broker, 256m
# HUB_KAFKA_TOOL_JAVA  settings of Java for tool; the default starts quickly and runs slowly
# HUB_KAFKA_TLS=1  no plain port: mutual TLS on the port, SASL_SSL (SCRAM-SHA-512) two above it,
#                  and nobody may do anything that no rule allows
# HUB_KAFKA_PROXY_PORT  one more plain listener, three above the port, that names this port (and
#                  those from 10·(N-1) above it) as its own: there a test puts a slow or broken line
# HUB              the program, for acls; target/release/hub
# HUB_KAFKA_NODES  names that get a certificate and a password; default national zhejiang sichuan
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$HERE/processes.sh"
VERSION=4.3.1
JARS="${HUB_KAFKA_JARS:-$HOME/.cache/license-hub/kafka/$VERSION}"
RUN="$HUB_RUN/kafka"
PORT="${HUB_KAFKA_PORT:-19092}"
HEAP="${HUB_KAFKA_HEAP:-256m}"
TLS="${HUB_KAFKA_TLS:-0}"
PROXY_PORT="${HUB_KAFKA_PROXY_PORT:-}"
read -ra NODES <<<"${HUB_KAFKA_NODES:-national zhejiang sichuan}"
SECRETS="$RUN/secrets"
# Waits, in seconds: a start takes 3 to 8, with three brokers 11, on two busy cores several times
# that; a broker that is told to stop first hands its partitions over.
START_WAIT_S=120
STOP_WAIT_S=30

port_of() { echo $((PORT + ($1 - 1) * 10)); }

install() {
    [ -e "$JARS/.complete" ] && return 0
    command -v mvn >/dev/null && command -v java >/dev/null ||
        { echo "Kafka needs Java 17 and Maven: openjdk-17-jre-headless, maven" >&2; exit 3; }
    mkdir -p "$JARS"
    mvn -q -B -Dstyle.color=never -f "$HERE/kafka/pom.xml" \
        org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$JARS" >&2
    touch "$JARS/.complete"
}

tool() {
    java ${HUB_KAFKA_TOOL_JAVA:--Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1} \
        -Dlog4j2.configurationFile="$HERE/kafka/log4j2.xml" -cp "$JARS/*" "$@"
}

# Test certificates: a CA, the brokers', the operator's and one per node, with the passwords for
# SCRAM beside them. They never leave this folder.
certs() {
    [ -e "$SECRETS/.complete" ] && return 0
    mkdir -p "$SECRETS" && chmod 700 "$SECRETS"
    local name days=3650
    openssl req -x509 -newkey rsa:2048 -nodes -days "$days" -subj "/CN=test CA" \
        -keyout "$SECRETS/ca.key" -out "$SECRETS/ca.pem" 2>/dev/null
    for name in broker operator "${NODES[@]}"; do
        openssl req -newkey rsa:2048 -nodes -subj "/CN=$name" \
            -keyout "$SECRETS/$name.key" -out "$SECRETS/$name.request" 2>/dev/null
        openssl x509 -req -days "$days" -in "$SECRETS/$name.request" \
            -CA "$SECRETS/ca.pem" -CAkey "$SECRETS/ca.key" -CAcreateserial \
            -extfile <(echo "subjectAltName=IP:127.0.0.1,DNS:localhost") \
            -out "$SECRETS/$name.crt" 2>/dev/null
        # What a PEM key store is to Kafka: key, then certificates.
        cat "$SECRETS/$name.key" "$SECRETS/$name.crt" >"$SECRETS/$name.pem"
        openssl rand -hex 24 >"$SECRETS/$name.password"
    done
    cat >"$SECRETS/operator.properties" <<P
security.protocol=SSL
ssl.keystore.type=PEM
ssl.keystore.location=$SECRETS/operator.pem
ssl.truststore.type=PEM
ssl.truststore.location=$SECRETS/ca.pem
P
    touch "$SECRETS/.complete"
}

# Settings of broker $1 of $2.
settings() {
    local port voters="" other copies=1 in_sync=1
    port=$(port_of "$1")
    for other in $(seq 1 "$2"); do
        voters+="${voters:+,}$other@127.0.0.1:$(($(port_of "$other") + 1))"
    done
    # With three brokers one may be lost, and what was acknowledged is still on two.
    if [ "$2" -ge 3 ]; then copies=3 in_sync=2; fi
    cat <<P
process.roles=broker,controller
node.id=$1
controller.quorum.voters=$voters
controller.listener.names=CONTROLLER
log.dirs=$RUN/$1/data
# A misspelt topic is a fault, not a new topic.
auto.create.topics.enable=false
num.partitions=1
default.replication.factor=$copies
min.insync.replicas=$in_sync
offsets.topic.replication.factor=$copies
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=$copies
transaction.state.log.min.isr=$in_sync
transaction.state.log.num.partitions=3
share.coordinator.state.topic.replication.factor=$copies
share.coordinator.state.topic.min.isr=$in_sync
# Nobody else joins: the first member of a group need not wait for others.
group.initial.rebalance.delay.ms=0
# A small machine.
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=8388608
log.segment.bytes=67108864
P
    if [ "$TLS" = 1 ]; then settings_tls "$port"; else settings_plain "$port" "$1"; fi
}

# Port $1 of broker $2.
settings_plain() {
    local listener="" advertised=""
    if [ -n "$PROXY_PORT" ]; then
        listener=",PROXIED://127.0.0.1:$(($1 + 3))"
        advertised=",PROXIED://127.0.0.1:$((PROXY_PORT + ($2 - 1) * 10))"
    fi
    cat <<P
listeners=PLAINTEXT://127.0.0.1:$1,CONTROLLER://127.0.0.1:$(($1 + 1))$listener
advertised.listeners=PLAINTEXT://127.0.0.1:$1$advertised
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
P
}

settings_tls() {
    cat <<P
listeners=MUTUAL://127.0.0.1:$1,CONTROLLER://127.0.0.1:$(($1 + 1)),SCRAM://127.0.0.1:$(($1 + 2))
advertised.listeners=MUTUAL://127.0.0.1:$1,SCRAM://127.0.0.1:$(($1 + 2))
listener.security.protocol.map=MUTUAL:SSL,CONTROLLER:SSL,SCRAM:SASL_SSL
inter.broker.listener.name=MUTUAL
ssl.keystore.type=PEM
ssl.keystore.location=$SECRETS/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=$SECRETS/ca.pem
listener.name.mutual.ssl.client.auth=required
listener.name.controller.ssl.client.auth=required
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.scram.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:CN=broker;User:CN=operator;User:operator
P
}

format() {
    [ -e "$RUN/$1/data/meta.properties" ] && return 0
    local users=() name
    if [ "$TLS" = 1 ]; then
        for name in operator "${NODES[@]}"; do
            users+=(--add-scram "SCRAM-SHA-512=[name=$name,password=$(cat "$SECRETS/$name.password")]")
        done
    fi
    # All brokers of one cluster bear its id; it says nothing else.
    tool kafka.tools.StorageTool format -t bGljZW5zZS1odWItdGVzdA \
        -c "$RUN/$1/server.properties" "${users[@]}" >"$RUN/$1/format.log" 2>&1 ||
        { cat "$RUN/$1/format.log" >&2; exit 3; }
}

launch() {
    process_id "$RUN/$1/pid" >/dev/null && return 0
    if port_answers "$(port_of "$1")"; then
        echo "port $(port_of "$1") is taken by another program: set HUB_KAFKA_PORT" >&2
        exit 3
    fi
    setsid java -Xms"$HEAP" -Xmx"$HEAP" -XX:+UseG1GC -Djava.awt.headless=true \
        -Dhub.log.root=WARN -Dhub.log.server=INFO \
        -Dlog4j2.configurationFile="$HERE/kafka/log4j2.xml" -cp "$JARS/*" \
        kafka.Kafka "$RUN/$1/server.properties" >>"$RUN/$1/server.log" 2>&1 </dev/null &
    process_remember "$RUN/$1/pid" $!
}

# How many brokers broker $1 knows: the first numbers of its answer to a metadata request (API 3,
# version 1, no topics) are its length, the request's number and the count of brokers.
brokers_known() {
    local port request='\0\0\0\016\0\03\0\01\0\0\0\07\377\377\0\0\0\0' answer
    port=$(port_of "$1")
    if [ "$TLS" = 1 ]; then
        answer=$( (printf "$request"; sleep 2) | timeout 5 openssl s_client -quiet \
            -connect "127.0.0.1:$port" -CAfile "$SECRETS/ca.pem" -cert "$SECRETS/operator.crt" \
            -key "$SECRETS/operator.key" 2>/dev/null | head -c 12 | od -An -tu1)
    else
        answer=$(
            exec 2>/dev/null 3<>"/dev/tcp/127.0.0.1/$port" || exit 0
            printf "$request" >&3
            timeout 5 head -c 12 <&3 | od -An -tu1
        )
    fi
    set -- $answer
    [ $# -ge 12 ] && echo "${12}" || echo 0
}

# Waits until every broker serves and knows all the others.
wait_ready() {
    local deadline=$((SECONDS + START_WAIT_S)) broker ready
    while :; do
        ready=0
        for broker in $(seq 1 "$1"); do
            process_id "$RUN/$broker/pid" >/dev/null ||
                { echo "broker $broker ended:" >&2; tail -20 "$RUN/$broker/server.log" >&2; exit 3; }
            [ "$(brokers_known "$broker")" = "$1" ] && ready=$((ready + 1))
        done
        [ "$ready" = "$1" ] && return 0
        [ "$SECONDS" -lt "$deadline" ] ||
            { echo "Kafka is not ready after $START_WAIT_S s, see $RUN/*/server.log" >&2; exit 3; }
        sleep 0.2
    done
}

start() {
    local count=$1 broker addresses=""
    install
    mkdir -p "$RUN"
    [ "$TLS" = 1 ] && certs
    for broker in $(seq 1 "$count"); do
        mkdir -p "$RUN/$broker"
        settings "$broker" "$count" >"$RUN/$broker/server.properties"
        format "$broker" &
    done
    # One by one: a format that failed fails the start.
    for broker in $(seq 1 "$count"); do wait -n; done
    for broker in $(seq 1 "$count"); do
        launch "$broker"
        addresses+="${addresses:+,}127.0.0.1:$(port_of "$broker")"
    done
    wait_ready "$count"
    echo "$count" >"$RUN/count"
    echo "$addresses"
}

# One start of the tool takes a second: rules that differ only by their topic go together.
acls() {
    local rules rule
    rules=$("${HUB:-$HERE/../target/release/hub}" topics acls --config "$1" | awk '
        {
            sub(/.* --add /, "--add ")
            topic = match($0, / --topic [^ ]+/) ? substr($0, RSTART, RLENGTH) : ""
            sub(/ --topic [^ ]+/, "")
            topics[$0] = topics[$0] topic
        }
        END { for (rule in topics) print rule topics[rule] }')
    while read -r rule; do
        # xargs takes the quotes off as a shell would.
        xargs printf '%s\0' <<<"$rule" |
            (mapfile -d '' -t words
                tool org.apache.kafka.tools.AclCommand --bootstrap-server "127.0.0.1:$PORT" \
                    --command-config "$SECRETS/operator.properties" "${words[@]}" >/dev/null </dev/null)
    done <<<"$rules"
}

# Until its port is closed: a busy machine takes a moment to end a process of this size.
kill_broker() {
    local deadline=$((SECONDS + STOP_WAIT_S))
    kill -KILL "$(process_id "$RUN/$1/pid")"
    while port_answers "$(port_of "$1")"; do
        [ "$SECONDS" -lt "$deadline" ] ||
            { echo "port $(port_of "$1") answers although its broker was killed" >&2; exit 3; }
        sleep 0.05
    done
}

stop() {
    local file
    # All at once: each hands its partitions to those that remain, and none should wait for one
    # that is gone.
    for file in "$RUN"/*/pid; do [ -e "$file" ] && process_stop "$file" "$STOP_WAIT_S" & done
    wait
}

case "${1:-}" in
    install) install ;;
    certs) certs && echo "$SECRETS" ;;
    start) case "${2:-1}" in 1 | 3) start "${2:-1}" ;; *) echo "one broker or three" >&2; exit 2 ;; esac ;;
    stop) stop ;;
    kill) kill_broker "$2" ;;
    pause) kill -STOP "$(process_id "$RUN/$2/pid")" ;;
    resume) kill -CONT "$(process_id "$RUN/$2/pid")" ;;
    restart) launch "$2" && wait_ready "$(cat "$RUN/count")" ;;
    status)
        for file in "$RUN"/*/pid; do
            [ -e "$file" ] || continue
            broker=$(basename "$(dirname "$file")")
            if pid=$(process_id "$file"); then
                echo "broker $broker: process $pid, 127.0.0.1:$(port_of "$broker")"
            else
                echo "broker $broker: gone"
            fi
        done ;;
    clean) stop; rm -rf "$RUN" ;;
    acls) acls "$2" ;;
    tool) shift; install; tool "$@" ;;
    *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 2 ;;
esac
