# Messages for people. They go to stderr, so that stdout stays free for settings a shell can evaluate.

say() {
    printf '%s\n' "$*" >&2
}

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# The end of a log, for the person who has to find out why a server did not come up.
show_log() {
    local file=$1
    [ -s "$file" ] || return 0
    say "--- last lines of $file"
    tail -n 25 "$file" >&2
    say "---"
}
