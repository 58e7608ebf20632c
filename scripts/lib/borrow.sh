# Servers for one script: servers that run already are used and keep running; missing ones are started now and stopped when
# the script ends.
# shellcheck disable=SC2154 # scripts is set by the caller

borrow_services() {
    local settings
    up_before=$("$scripts/services" status) || true
    trap return_services EXIT
    settings=$("$scripts/services" up)
    eval "$settings"
}

# The second set, which demands TLS and rights. Call it after borrow_services.
borrow_secure_services() {
    local settings
    secure_before=$("$scripts/services" status --secure) || true
    settings=$("$scripts/services" up --secure)
    eval "$settings"
}

return_services() {
    ! grep -q '^postgres down' <<<"${secure_before:-}" || "$scripts/services" down --secure --postgres-only || true
    ! grep -q '^kafka down' <<<"${secure_before:-}" || "$scripts/services" down --secure --kafka-only || true
    ! grep -q '^postgres down' <<<"$up_before" || "$scripts/services" down --postgres-only || true
    ! grep -q '^kafka down' <<<"$up_before" || "$scripts/services" down --kafka-only || true
}
