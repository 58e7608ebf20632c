# Starts servers that outlive the shell, and finds and stops exactly those again.
#
# Every server has a pid file. A pid alone proves nothing, since the system hands numbers out again: a process counts as
# ours only while its command line also names the file or folder that we started it with.

# start_detached PID_FILE LOG COMMAND... : own session, no inherited stdin, stdout or lock (descriptor 9), so that neither
# a closing terminal nor a reader of our output hangs on the server. Returns when the pid is written. Each start has a log
# of its own, because what an earlier one said is not true of this one.
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

# running_pid PID_FILE MARK : prints the pid if the process lives and is ours (its command line holds MARK).
running_pid() {
    local pid_file=$1 mark=$2 pid
    [ -s "$pid_file" ] || return 1
    pid=$(<"$pid_file")
    [[ $pid =~ ^[0-9]+$ && -r /proc/$pid/cmdline ]] || return 1
    # A killed process that nobody has collected yet has an empty command line, so it does not count either.
    tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$mark" || return 1
    echo "$pid"
}

# stop_process PID_FILE MARK SIGNAL SECONDS : asks with SIGNAL, waits, then kills. A process that a test has suspended is
# woken, else it would not hear.
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

not() {
    ! "$@" >/dev/null
}

# wait_until SECONDS COMMAND... : true as soon as COMMAND is, false when the time is over.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}
