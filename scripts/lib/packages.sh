# Installs Debian packages, if possible.

# Only the installation of packages needs root rights; everything else runs as the caller.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

can_install_packages() {
    command -v apt-get >/dev/null || return 1
    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null
}

# install_packages PACKAGE... : installs them, one caller at a time: apt-get does not wait for its locks.
install_packages() {
    can_install_packages ||
        die "missing: $*. They cannot be installed from here (apt-get as root or with sudo is needed): install them by hand, then run this again."
    say "installing $*"
    (
        flock 9
        run_apt_get "$@"
    ) 9>>"${TMPDIR:-/tmp}/cqrs-packages-$(id -u).lock"
}

# run_apt_get PACKAGE... : refreshes the package list first, because a new machine has none.
run_apt_get() {
    local log
    log=$(mktemp)
    if ! { as_root apt-get update -q &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"; } \
        >"$log" 2>&1 </dev/null; then
        show_log "$log"
        rm -f "$log"
        die "apt-get could not install $*: see its output above, install them by hand, then run this again."
    fi
    rm -f "$log"
}
