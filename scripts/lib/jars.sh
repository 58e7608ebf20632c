# Fetches Apache Kafka as plain jars with Maven, into a cache that all clones share.
# shellcheck disable=SC2154 # state and scripts are set by scripts/services

kafka_dir=$scripts/kafka

jars_folder() {
    local version
    version=$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$kafka_dir/pom.xml")
    echo "${XDG_CACHE_HOME:-$HOME/.cache}/cqrs/kafka-$version"
}

# The folder gets its name only when it is complete. It contains the pom.xml it was made from: a different pom.xml means
# different jars.
jars_are_there() {
    cmp -s "$kafka_dir/pom.xml" "$(jars_folder)/pom.xml"
}

# A JDK, not only a JRE: the tests run single-file Java programs from their source.
have_jdk() {
    command -v java >/dev/null && java --list-modules 2>/dev/null | grep -q '^jdk.compiler@\(1[7-9]\|[2-9][0-9]\)'
}

ensure_jdk() {
    have_jdk || (install_packages default-jdk-headless) || return 1
    have_jdk || {
        say "'java' on the PATH is not a JDK of version 17 or newer"
        return 1
    }
}

ensure_maven() {
    command -v mvn >/dev/null || (install_packages maven)
}

# Maven copies into a temporary folder; the rename at the end makes all jars appear at once.
resolve_jars() {
    local folder=$1 part=$1.part.$$
    mkdir -p "$part"
    if mvn -B -q -f "$kafka_dir/pom.xml" dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$part" >"$part.log" 2>&1 </dev/null; then
        cp "$kafka_dir/pom.xml" "$part/"
        rm -rf "$folder" "$part.log"
        mv "$part" "$folder"
    else
        grep -m 1 -o '\[ERROR\] [^ ].*' "$part.log" >&2 || tail -n 3 "$part.log" >&2
        rm -rf "$part" "$part.log"
        return 1
    fi
}

# ensure_jars : a lock file beside the folder lets concurrent calls, also from other clones, wait for each other.
ensure_jars() {
    local folder advice
    folder=$(jars_folder)
    advice="Kafka's jars could not be fetched into $folder: this needs a JDK of version 17 or newer, Maven and access to its repository. Without them use 'scripts/services up --postgres-only', or set KAFKA_BROKERS to your own broker."
    ensure_jdk || die "$advice"
    jars_are_there && return
    mkdir -p "${folder%/*}" || die "$advice"
    (
        flock 8
        jars_are_there && exit
        ensure_maven && say "fetching Kafka's jars with Maven" && resolve_jars "$folder"
    ) 8>"$folder.lock" || die "$advice"
}
