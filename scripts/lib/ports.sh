# Finds free TCP ports on the loopback address.

port_is_open() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# free_ports COUNT : prints COUNT different ports. They are below 32768, where Linux starts to assign ports to outgoing
# connections, so that none of them is taken between this check and the start of the server.
free_ports() {
    local count=$1 port found=" "
    while [ "$count" -gt 0 ]; do
        port=$((20000 + RANDOM % 12000))
        if [[ $found != *" $port "* ]] && ! port_is_open "$port"; then
            found+="$port "
            count=$((count - 1))
        fi
    done
    echo "$found"
}
