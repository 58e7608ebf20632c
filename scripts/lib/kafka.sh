# A temporary Apache Kafka cluster in KRaft mode, with one node or three. Each node is broker and controller.
# shellcheck disable=SC2154 # state, secure and kafka_dir are set by scripts/services and jars.sh
#
# In $state/kafka: cluster (its id), N/ for node N with server.properties, port, controller-port, data/, and with --secure also ssl-port, expired-port, pid, log.

# The options of every JVM. The JVM itself expands the star in the class path.
kafka_java_options() {
    printf '%s\n' -XX:+UseSerialGC "-Dlog4j2.configurationFile=file:$kafka_dir/log4j2.properties" -cp "$(jars_folder)/*"
}

kafka_nodes() {
    local node
    for node in "$state"/kafka/[0-9]*/; do
        [ -s "$node/port" ] && basename "$node"
    done
    return 0
}

kafka_node_count() {
    kafka_nodes | wc -l
}

kafka_mark() {
    echo "kafka.Kafka $state/kafka/$1/server.properties"
}

kafka_pid() {
    running_pid "$state/kafka/$1/pid" "$(kafka_mark "$1")"
}

kafka_port() {
    echo "$(<"$state/kafka/$1/port")"
}

kafka_brokers() {
    local node list=
    for node in $(kafka_nodes); do
        list+=${list:+,}127.0.0.1:$(kafka_port "$node")
    done
    echo "$list"
}

kafka_pids() {
    local node pid list=
    for node in $(kafka_nodes); do
        pid=$(kafka_pid "$node") && list+=${list:+ }$pid
    done
    echo "$list"
}

# A node is ready when its log says that it has joined and its port accepts connections.
kafka_node_ready() {
    kafka_pid "$1" >/dev/null && grep -q 'Kafka Server started' "$state/kafka/$1/log" && port_is_open "$(kafka_port "$1")"
}

kafka_ready() {
    local node
    [ -n "$(kafka_nodes)" ] || return 1
    for node in $(kafka_nodes); do
        kafka_node_ready "$node" || return 1
    done
}

# kafka_node_settings NODE COUNT : the node's properties. With three nodes every topic has three replicas and a write needs
# two of them, so that one broker may fail. The static list of voters works for one node and for three.
kafka_node_settings() {
    local node=$1 count=$2 home=$state/kafka/$1 other voters='' min_isr=1 host=127.0.0.1
    # The name in the certificate.
    [ "$secure" = no ] || host=localhost
    [ "$count" -eq 1 ] || min_isr=2
    for ((other = 1; other <= count; other++)); do
        voters+=${voters:+,}$other@$host:$(<"$state/kafka/$other/controller-port")
    done
    cat <<EOF
process.roles=broker,controller
node.id=$node
controller.quorum.voters=$voters
log.dirs=$home/data
broker.session.timeout.ms=3000
auto.create.topics.enable=true
default.replication.factor=$count
min.insync.replicas=$min_isr
offsets.topic.replication.factor=$count
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=$count
transaction.state.log.min.isr=$min_isr
transaction.state.log.num.partitions=3
share.coordinator.state.topic.replication.factor=$count
share.coordinator.state.topic.min.isr=$min_isr
group.initial.rebalance.delay.ms=0
EOF
    if [ "$secure" = yes ]; then secure_kafka_settings "$home"; else plain_kafka_settings "$home"; fi
}

plain_kafka_settings() {
    cat <<EOF
listeners=PLAINTEXT://127.0.0.1:$(<"$1/port"),CONTROLLER://127.0.0.1:$(<"$1/controller-port")
advertised.listeners=PLAINTEXT://127.0.0.1:$(<"$1/port")
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
EOF
}

# kafka_create COUNT : creates ports and folders first, because the settings of each node name the ports of all.
kafka_create() {
    local count=$1 node home cluster options ports users=()
    read -r -a ports <<<"$(free_ports $((4 * count)))"
    [ "$secure" = no ] || mapfile -t users < <(secure_kafka_users)
    for ((node = 1; node <= count; node++)); do
        home=$state/kafka/$node
        mkdir -p "$home"
        echo "${ports[4 * node - 4]}" >"$home/port"
        echo "${ports[4 * node - 3]}" >"$home/controller-port"
        echo "${ports[4 * node - 2]}" >"$home/ssl-port"
        echo "${ports[4 * node - 1]}" >"$home/expired-port"
    done
    mapfile -t options < <(kafka_java_options)
    cluster=$(java "${options[@]}" kafka.tools.StorageTool random-uuid)
    for ((node = 1; node <= count; node++)); do
        home=$state/kafka/$node
        kafka_node_settings "$node" "$count" >"$home/server.properties"
        java "${options[@]}" kafka.tools.StorageTool format -t "$cluster" -c "$home/server.properties" \
            "${users[@]}" >"$home/log" 2>&1 || {
            show_log "$home/log"
            die "Kafka could not format its data folder: see its output above."
        }
    done
    # Written last: without this file, the creation was interrupted and starts again.
    echo "$cluster" >"$state/kafka/cluster"
}

# True when the wait is over: all nodes are ready, or one of them has ended.
kafka_settled() {
    local node
    for node in $(kafka_nodes); do
        kafka_pid "$node" >/dev/null || return 0
    done
    kafka_ready
}

kafka_start_node() {
    local home=$state/kafka/$1 options heap=384m
    [ "$(kafka_node_count)" -gt 1 ] || heap=512m
    mapfile -t options < <(kafka_java_options)
    start_detached "$home/pid" "$home/log" java "-Xmx$heap" "${options[@]}" kafka.Kafka "$home/server.properties"
}

kafka_start_missing() {
    local node
    for node in $(kafka_nodes); do
        kafka_pid "$node" >/dev/null || kafka_start_node "$node"
    done
}

# kafka_up COUNT : creates the cluster if it is missing, starts the nodes that are not running and waits for all. With an
# empty COUNT an existing cluster keeps its size, and a new one gets one node.
kafka_up() {
    local count=$1 node
    [ -s "$state/kafka/cluster" ] || rm -rf "$state/kafka"
    if [ -n "$count" ] && [ "$(kafka_node_count)" -ne 0 ] && [ "$(kafka_node_count)" -ne "$count" ]; then
        die "Kafka is already up with $(kafka_node_count) broker(s), not $count: 'scripts/services down' first, or set CQRS_SERVICES_DIR to another folder for a second set."
    fi
    if kafka_ready; then
        say "Kafka is already up ($(kafka_node_count) broker(s), $(kafka_brokers))"
        return
    fi
    ensure_jars
    [ "$(kafka_node_count)" -ne 0 ] || kafka_create "${count:-1}"
    say "starting Kafka with $(kafka_node_count) broker(s) on $(kafka_brokers)"
    kafka_start_missing
    wait_until 90 kafka_settled || true
    ! kafka_ready || return 0
    for node in $(kafka_nodes); do
        kafka_node_ready "$node" || show_log "$state/kafka/$node/log"
    done
    die "Kafka ended or was not ready within 90 s: read its log above; 'scripts/services down' and then 'up' starts a new cluster on other ports."
}

# The data is removed with the nodes, so a slow, orderly shutdown has no benefit.
kafka_down() {
    local node
    for node in $(kafka_nodes); do
        stop_process "$state/kafka/$node/pid" "$(kafka_mark "$node")" KILL 10
    done
    rm -rf "$state/kafka"
}
