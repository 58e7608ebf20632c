# A pooler in front of a PostgreSQL server, for the tests that connect through one: PgBouncer of the distribution.
# shellcheck disable=SC2154 # state is set by scripts/services
#
# In $state/pooler: config.ini, users, port, pid, log.

pooler_bin() {
    local bin
    for bin in "$(command -v pgbouncer)" /usr/sbin/pgbouncer; do
        [ ! -x "$bin" ] || {
            echo "$bin"
            return
        }
    done
    return 1
}

# Debian's package would start a pooler on port 6432. This file prevents that.
pooler_install() {
    local policy=/usr/sbin/policy-rc.d installed=yes
    if [ -e "$policy" ]; then
        install_packages pgbouncer
        return
    fi
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod +x "$policy"
    (install_packages pgbouncer) || installed=no
    as_root rm -f "$policy"
    [ "$installed" = yes ] || exit 1
}

pooler_mark() {
    echo "$state/pooler/config.ini"
}

# pooler_up MODE : strict is session mode, with a pooler that rejects settings of the session.
pooler_up() {
    local mode=$1 url=${DATABASE_URL:-$(postgres_url)} home=$state/pooler ignored=extra_float_digits,options port
    [[ $url =~ ^postgres(ql)?://([^:@]+):([^@]+)@([^:/]+):([0-9]+)/(.+)$ ]] ||
        die "DATABASE_URL must have the form postgres://USER:PASSWORD@HOST:PORT/DATABASE for a pooler."
    local user=${BASH_REMATCH[2]} password=${BASH_REMATCH[3]} host=${BASH_REMATCH[4]} server=${BASH_REMATCH[5]} database=${BASH_REMATCH[6]}
    pooler_bin >/dev/null || pooler_install
    [ "$mode" != strict ] || {
        mode=session
        ignored=extra_float_digits
    }
    read -r port <<<"$(free_ports 1)"
    mkdir -p "$home"
    echo "\"$user\" \"$password\"" >"$home/users"
    cat >"$home/config.ini" <<INI
[databases]
* = host=$host port=$server
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $home/users
pool_mode = $mode
default_pool_size = 20
ignore_startup_parameters = $ignored
INI
    [ "$(id -u)" -ne 0 ] || chown -R "$(postgres_user)" "$home"
    # shellcheck disable=SC2046 # the prefix is words on purpose
    start_detached "$home/pid" "$home/log" $(postgres_run_as) "$(pooler_bin)" "$home/config.ini"
    wait_until 20 port_is_open "$port" || {
        show_log "$home/log"
        die "the pooler ended or did not respond within 20 s: read its log above."
    }
    echo "export CQRS_POOLER_URL='postgres://$user:$password@127.0.0.1:$port/$database'"
}

pooler_down() {
    [ ! -d "$state/pooler" ] || {
        stop_process "$state/pooler/pid" "$(pooler_mark)" INT 10
        rm -rf "$state/pooler"
    }
}
