# Starts servers that outlive the shell, and finds and stops exactly those servers.
#
# Every server has a pid file. A pid alone is not enough, because the system reuses pids: a process is ours only if its
# command line also contains the file or folder that we started it with.

# start_detached PID_FILE LOG COMMAND... : starts a server in its own session, without inherited stdin, stdout or lock
# (descriptor 9): a closing terminal does not end it, and a reader of our output does not wait for it. Returns when the pid is
# written. Each start has a new log.
start_detached() {
    local pid_file=$1 log=$2
    shift 2
    rm -f "$pid_file"
    [ ! -s "$log" ] || mv "$log" "$log.before"
    # shellcheck disable=SC2016 # the inner shell expands these
    setsid bash -c 'echo $$ >"$1"; shift; exec "$@"' start "$pid_file" "$@" \
        </dev/null >"$log" 2>&1 9>&- &
    disown
    wait_until 10 test -s "$pid_file" || die "could not start $1."
}

# running_pid PID_FILE MARK : prints the pid if the process runs and is ours (its command line contains MARK).
running_pid() {
    local pid_file=$1 mark=$2 pid
    [ -s "$pid_file" ] || return 1
    pid=$(<"$pid_file")
    [[ $pid =~ ^[0-9]+$ && -r /proc/$pid/cmdline ]] || return 1
    # A zombie has an empty command line, so it does not count.
    tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$mark" || return 1
    echo "$pid"
}

# stop_process PID_FILE MARK SIGNAL SECONDS : sends SIGNAL, waits, then kills. A suspended process is resumed first, because
# it would not receive the signal.
stop_process() {
    local pid_file=$1 mark=$2 signal=$3 seconds=$4 pid
    if pid=$(running_pid "$pid_file" "$mark"); then
        kill -s "$signal" "$pid" 2>/dev/null || true
        kill -s CONT "$pid" 2>/dev/null || true
        wait_until "$seconds" not running_pid "$pid_file" "$mark" || kill -s KILL "$pid" 2>/dev/null || true
        wait_until 10 not running_pid "$pid_file" "$mark" || die "process $pid does not end: stop it by hand."
    fi
    rm -f "$pid_file"
}

# Letters and digits only: it becomes a part of URLs and of configuration files.
random_password() {
    od -An -N16 -tx1 /dev/urandom | tr -d ' \n'
}

not() {
    ! "$@" >/dev/null
}

# wait_until SECONDS COMMAND... : true as soon as COMMAND succeeds, false after SECONDS.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}
