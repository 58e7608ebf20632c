# Messages for people. They go to stderr, because stdout is for settings that a shell evaluates.

say() {
    printf '%s\n' "$*" >&2
}

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# The end of a log, to show why a server did not start.
show_log() {
    local file=$1
    [ -s "$file" ] || return 0
    say "--- last lines of $file"
    tail -n 25 "$file" >&2
    say "---"
}
