# A standby of the temporary PostgreSQL server: a second server that copies the first.
# shellcheck disable=SC2154 # state and scripts are set by scripts/services
#
# In $state/postgres/standby: data/ (the copy), port, pid, log.

standby_mark() {
    echo "-D $state/postgres/standby/data"
}

standby_query() {
    PGPASSWORD=$(<"$state/postgres/password") "$(postgres_psql)" -X -q -A -t -h 127.0.0.1 -p "$(<"$state/postgres/standby/port")" -U postgres -d postgres -c "$1" 2>/dev/null
}

standby_responds() {
    standby_query 'select 1' >/dev/null
}

# standby_up : copies the server and starts the copy. With -R the copy knows where to get what is committed later.
standby_up() {
    local home=$state/postgres/standby bin port
    bin=$(postgres_bin)
    read -r port <<<"$(free_ports 1)"
    mkdir -p "$home"
    [ "$(id -u)" -ne 0 ] || chown "$(postgres_user)" "$home"
    # shellcheck disable=SC2046 # the prefix is words on purpose
    (cd "$home" && PGPASSWORD=$(<"$state/postgres/password") $(postgres_run_as) "$bin/pg_basebackup" -h 127.0.0.1 \
        -p "$(<"$state/postgres/port")" -U postgres -D "$home/data" -R -X stream -c fast --no-sync) >"$home/log" 2>&1 || {
        show_log "$home/log"
        die "pg_basebackup failed: see its output above."
    }
    echo "port = $port" >>"$home/data/postgresql.conf"
    echo "$port" >"$home/port"
    # shellcheck disable=SC2046 # the prefix is words on purpose
    start_detached "$home/pid" "$home/log" $(postgres_run_as) "$bin/postgres" -D "$home/data"
    wait_until 60 standby_responds || {
        show_log "$home/log"
        die "the standby ended or did not respond within 60 s: read its log above."
    }
    echo "export CQRS_STANDBY_PORT='$port'"
}

standby_down() {
    [ ! -s "$state/postgres/standby/pid" ] || stop_process "$state/postgres/standby/pid" "$(standby_mark)" INT 20
}
