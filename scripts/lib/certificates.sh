# Certificates for tests, made by openssl: an authority, who trusts whom, and the certificates that must be rejected.
#
# In the folder NAME.pem and NAME.key; `broker` is the server of PostgreSQL, too.

# authority FOLDER NAME
authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=cqrs $2" \
        -keyout "$1/$2.key" -out "$1/$2.pem"
}

# certificate FOLDER AUTHORITY NAME COMMON_NAME DAYS : for servers and clients, on the host localhost. With -1 days it has expired.
certificate() {
    local folder=$1 authority=$2 name=$3
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$4" \
        -keyout "$folder/$name.key" -out "$folder/$name.csr" &&
        openssl x509 -req -in "$folder/$name.csr" -CA "$folder/$authority.pem" -CAkey "$folder/$authority.key" -CAcreateserial \
            -days "$5" -extfile <(echo subjectAltName=DNS:localhost) -out "$folder/$name.pem" &&
        rm "$folder/$name.csr" &&
        cat "$folder/$name.key" "$folder/$name.pem" >"$folder/$name.keystore.pem"
}

# make_certificates FOLDER
make_certificates() {
    mkdir -p "$1"
    authority "$1" ca &&
        authority "$1" other-ca &&
        certificate "$1" ca broker broker 30 &&
        certificate "$1" ca broker-expired broker -1 &&
        certificate "$1" ca app app 30 &&
        certificate "$1" ca app-expired app -1 &&
        certificate "$1" other-ca app-other-ca app 30
}
