# A temporary PostgreSQL server, with fsync and its own data folder.
# shellcheck disable=SC2154 # state, scripts and secure are set by scripts/services
#
# In $state/postgres: data/ (the cluster), socket/, port, password, pid, log.

# PostgreSQL does not run as root. For root, it runs as the user that the Debian package creates.
postgres_user() {
    if [ "$(id -u)" -ne 0 ]; then
        id -un
    elif id postgres >/dev/null 2>&1; then
        echo postgres
    else
        echo nobody
    fi
}

# Prefix of every PostgreSQL command. setpriv replaces itself with the command, so the pid is the server's.
postgres_run_as() {
    if [ "$(id -u)" -eq 0 ]; then
        local user
        user=$(postgres_user)
        echo "setpriv --reuid=$user --regid=$(id -gn "$user") --init-groups --"
    fi
}

# The folder with initdb and postgres: CQRS_PG_BIN, else the newest one of the distribution. The PATH is not searched: it
# may contain only a client, or another version.
postgres_bin() {
    local bin=${CQRS_PG_BIN:-}
    [ -n "$bin" ] || bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
    [ -x "$bin/initdb" ] && [ -x "$bin/postgres" ] && echo "$bin"
}

# Debian's package would create and start a cluster on port 5432. A setting in a file of postgresql-common prevents that, so
# it is changed before the installation and restored afterwards.
postgres_install() {
    [ -z "${CQRS_PG_BIN:-}" ] || die "CQRS_PG_BIN=$CQRS_PG_BIN does not contain initdb and postgres: point it to the bin folder of a PostgreSQL server, or unset it."
    local switches=/etc/postgresql-common/createcluster.conf installed=yes
    install_packages postgresql-common
    as_root cp -p "$switches" "$switches.before-cqrs"
    as_root sed -i 's/^#* *create_main_cluster *=.*/create_main_cluster = false/' "$switches"
    (install_packages postgresql) || installed=no
    as_root mv "$switches.before-cqrs" "$switches"
    [ "$installed" = yes ] || exit 1
}

postgres_ensure_installed() {
    postgres_bin >/dev/null || postgres_install
    postgres_bin >/dev/null || die "no PostgreSQL server under /usr/lib/postgresql: install the package 'postgresql' or set CQRS_PG_BIN to its bin folder."
    postgres_psql >/dev/null || install_packages postgresql-client
}

postgres_mark() {
    echo "-D $state/postgres/data"
}

postgres_pid() {
    running_pid "$state/postgres/pid" "$(postgres_mark)"
}

postgres_url() {
    echo "postgres://postgres:$(<"$state/postgres/password")@127.0.0.1:$(<"$state/postgres/port")/cqrs"
}

# Any psql works for our simple queries, and some builds of the server have none.
postgres_psql() {
    local client
    for client in "$(postgres_bin)/psql" "$(CQRS_PG_BIN='' postgres_bin)/psql" "$(command -v psql)"; do
        [ ! -x "$client" ] || {
            echo "$client"
            return
        }
    done
    return 1
}

postgres_query() {
    PGPASSWORD=$(<"$state/postgres/password") "$(postgres_psql)" -X -q -A -t -h 127.0.0.1 -p "$(<"$state/postgres/port")" -U postgres -d "$1" -c "$2" 2>/dev/null
}

postgres_responds() {
    postgres_query postgres 'select 1' >/dev/null
}

# The folder belongs to the server's user, who also needs access to its parents and to the binaries.
postgres_prepare_folder() {
    local home=$state/postgres bin
    bin=$(postgres_bin)
    mkdir -p "$home/socket"
    random_password >"$home/password"
    [ "$secure" = no ] || secure_postgres_files "$home"
    # A socket's path is limited to 107 bytes by the operating system.
    [ "${#home}" -le 80 ] || die "the path $home is too long for a unix socket: set CQRS_SERVICES_DIR to a shorter one."
    [ "$(id -u)" -ne 0 ] || chown -R "$(postgres_user)" "$home"
    $(postgres_run_as) test -w "$home" -a -x "$bin/postgres" ||
        die "user $(postgres_user) cannot reach $home or $bin: set CQRS_SERVICES_DIR (or CQRS_PG_BIN) to a folder open to that user, for example under /tmp."
}

# Its superuser can run programs as the server's user, so every connection needs the password, also one over the socket.
# initdb does not flush to disk, because an empty cluster is quickly created again; the server itself uses fsync.
postgres_create() {
    local home=$state/postgres bin port settings=${CQRS_PG_CONF:-/dev/null}
    [ -r "$settings" ] || die "CQRS_PG_CONF=$settings cannot be read: name a file with settings of PostgreSQL, or unset it."
    bin=$(postgres_bin)
    read -r port <<<"$(free_ports 1)"
    postgres_prepare_folder
    # shellcheck disable=SC2046 # the prefix is words on purpose
    (cd "$home" && $(postgres_run_as) "$bin/initdb" -D "$home/data" -U postgres --auth=scram-sha-256 \
        --pwfile="$home/password" --encoding=UTF8 --locale=C.UTF-8 --no-sync) >"$home/log" 2>&1 || {
        show_log "$home/log"
        die "initdb failed: see its output above."
    }
    # The last value of a setting wins: ours come last, so that the server can be found.
    cat "$settings" - >>"$home/data/postgresql.conf" <<EOF

listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$home/socket'
max_connections = 300
max_prepared_transactions = 10
fsync = on
EOF
    [ "$secure" = no ] || secure_postgres_settings "$home"
    echo "$port" >"$home/port"
}

postgres_start() {
    local home=$state/postgres
    # shellcheck disable=SC2046 # the prefix is words on purpose
    start_detached "$home/pid" "$home/log" $(postgres_run_as) "$(postgres_bin)/postgres" -D "$home/data"
}

# True when the wait is over: the server responds, or has ended. After a kill -9 old sessions can hold the shared memory for
# a moment and a new server ends at once; then it is started again.
postgres_settled() {
    postgres_responds && return
    postgres_pid >/dev/null && return 1
    grep -q 'pre-existing shared memory block' "$state/postgres/log" || return 0
    postgres_start
    return 1
}

# postgres_up : creates the cluster if it is missing, starts the server if it is not running, and waits for the database.
postgres_up() {
    if postgres_pid >/dev/null && postgres_responds; then
        say "PostgreSQL is already up (pid $(postgres_pid), port $(<"$state/postgres/port"))"
    else
        postgres_ensure_installed
        [ -s "$state/postgres/port" ] || {
            rm -rf "$state/postgres"
            postgres_create
        }
        say "starting PostgreSQL from $(postgres_bin) on port $(<"$state/postgres/port")"
        postgres_pid >/dev/null || postgres_start
        wait_until 60 postgres_settled || true
        postgres_responds || {
            show_log "$state/postgres/log"
            die "PostgreSQL ended or did not respond within 60 s: read its log above; 'scripts/services down' and then 'up' starts a new server on another port."
        }
    fi
    [ -n "$(postgres_query postgres "select 1 from pg_database where datname = 'cqrs'")" ] ||
        postgres_query postgres 'create database cqrs' || die "could not create the database cqrs."
}

# postgres_processes POSTMASTER : the server's main process and all its children.
postgres_processes() {
    echo "$1"
    grep -lsE "^PPid:[[:space:]]+$1\$" /proc/[0-9]*/status | sed 's:^/proc/\(.*\)/status$:\1:'
}

none_runs() {
    ! kill -0 "$@" 2>/dev/null
}

# All processes of the server are killed at once, so that none reacts to the end of another. The main process is suspended
# first, so that it starts no new process in between. The operating system keeps written data: this is the crash of a
# server, not of a machine. The new server starts when the last old process is gone, because of the shared memory and the
# pid in the lock file. It uses the same build, even if CQRS_PG_BIN names another one.
postgres_crash() {
    local pid processes CQRS_PG_BIN
    pid=$(postgres_pid) || die "no PostgreSQL in $state is up: run 'scripts/services up' first."
    CQRS_PG_BIN=$(dirname "$(readlink "/proc/$pid/exe")")
    kill -s STOP "$pid"
    mapfile -t processes < <(postgres_processes "$pid")
    kill -s KILL "${processes[@]}"
    say "killed PostgreSQL (pid $pid) with all its ${#processes[@]} processes"
    wait_until 20 none_runs "${processes[@]}" || die "killed processes of PostgreSQL do not end: ${processes[*]}"
    postgres_up
}

# A fast shutdown (SIGINT) ends the sessions and releases the shared memory, which SIGKILL would leave allocated.
postgres_down() {
    standby_down
    stop_process "$state/postgres/pid" "$(postgres_mark)" INT 20
    rm -rf "$state/postgres"
}
