# The servers of `up --secure`: PostgreSQL and Kafka accept only TLS, and demand passwords, certificates and rights.
# shellcheck disable=SC2154 # state, scripts and kafka_dir are set by scripts/services and jars.sh
#
# In $state: tls/ (certificates.sh), passwords/ (one file for each user), postgres/, kafka/ with
# admin.properties.

secure_users=(admin app relay consumer)

# Written last: with the folder `passwords`, everything is there.
secure_prepare() {
    local user
    [ ! -d "$state/passwords" ] || return 0
    command -v openssl >/dev/null || install_packages openssl
    rm -rf "$state/tls" "$state/passwords.part"
    mkdir -p "$state/tls" "$state/passwords.part"
    make_certificates "$state/tls" >"$state/tls/log" 2>&1 </dev/null || {
        show_log "$state/tls/log"
        die "openssl could not make the certificates: see its output above."
    }
    for user in "${secure_users[@]}"; do
        random_password >"$state/passwords.part/$user"
    done
    mv "$state/passwords.part" "$state/passwords"
}

secure_password() {
    echo "$(<"$state/passwords/$1")"
}

# PostgreSQL's user cannot read $state/tls, and the server accepts no key that others can read.
secure_postgres_files() {
    cp "$state/tls"/{ca.pem,broker.pem,broker.key,broker-expired.pem,broker-expired.key} "$1/"
}

# `app` comes with its password and its certificate, every other role with its password. Nobody comes without TLS.
secure_postgres_settings() {
    local home=$1
    cat >>"$home/data/postgresql.conf" <<EOF
ssl = on
ssl_ca_file = '$home/ca.pem'
ssl_cert_file = '$home/broker.pem'
ssl_key_file = '$home/broker.key'
EOF
    cat >"$home/data/pg_hba.conf" <<EOF
local   all postgres scram-sha-256
hostssl all app      all scram-sha-256 clientcert=verify-full
hostssl all all      all scram-sha-256
EOF
}

secure_postgres_role() {
    [ -n "$(postgres_query postgres "select 1 from pg_roles where rolname = 'app'")" ] ||
        postgres_query postgres "create role app login password '$(secure_password app)'; grant create on database cqrs to app" ||
        die "could not create the role app."
}

# Three listeners: SASL_SSL for users with a password or a token, SSL for clients with a certificate (and the broker itself), and
# EXPIRED, whose certificate no client accepts. Only `admin` and the broker may do what no rule allows.
secure_kafka_settings() {
    local home=$1 tls=$state/tls sasl ssl expired
    sasl=$(<"$home/port") ssl=$(<"$home/ssl-port") expired=$(<"$home/expired-port")
    cat <<EOF
listeners=SASL_SSL://localhost:$sasl,SSL://localhost:$ssl,EXPIRED://localhost:$expired,CONTROLLER://localhost:$(<"$home/controller-port")
advertised.listeners=SASL_SSL://localhost:$sasl,SSL://localhost:$ssl,EXPIRED://localhost:$expired
controller.listener.names=CONTROLLER
inter.broker.listener.name=SSL
listener.security.protocol.map=SASL_SSL:SASL_SSL,SSL:SSL,EXPIRED:SSL,CONTROLLER:SSL
ssl.keystore.type=PEM
ssl.keystore.location=$tls/broker.keystore.pem
ssl.truststore.type=PEM
ssl.truststore.location=$tls/ca.pem
ssl.client.auth=required
ssl.principal.mapping.rules=RULE:^CN=([^,]+).*\$/\$1/,DEFAULT
listener.name.sasl_ssl.ssl.client.auth=none
listener.name.expired.ssl.client.auth=none
listener.name.expired.ssl.keystore.type=PEM
listener.name.expired.ssl.keystore.location=$tls/broker-expired.keystore.pem
sasl.enabled.mechanisms=SCRAM-SHA-512,OAUTHBEARER
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin;User:broker
allow.everyone.if.no.acl.found=false
EOF
}

# The passwords of SCRAM are in the cluster's own log, from its first record on.
secure_kafka_users() {
    local user
    for user in "${secure_users[@]}"; do
        printf '%s\n' --add-scram "SCRAM-SHA-512=[name=$user,password=$(secure_password "$user")]"
    done
}

# For Kafka's own tools, and for the tests: the settings of the user who may do everything.
secure_kafka_admin() {
    cat >"$state/kafka/admin.properties" <<EOF
bootstrap.servers=localhost:$(kafka_port 1)
security.protocol=SASL_SSL
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="admin" password="$(secure_password admin)";
ssl.truststore.type=PEM
ssl.truststore.location=$state/tls/ca.pem
EOF
}

secure_settings() {
    export_line CQRS_SECURE_DIR "$state"
    ! postgres_is_up || export_line CQRS_SECURE_POSTGRES "localhost:$(<"$state/postgres/port")"
    [ -z "$(kafka_pids)" ] || {
        export_line CQRS_SECURE_KAFKA_SASL "localhost:$(<"$state/kafka/1/port")"
        export_line CQRS_SECURE_KAFKA_SSL "localhost:$(<"$state/kafka/1/ssl-port")"
        export_line CQRS_SECURE_KAFKA_EXPIRED "localhost:$(<"$state/kafka/1/expired-port")"
    }
    ! jars_are_there || export_line CQRS_KAFKA_LIBS "$(jars_folder)"
}
