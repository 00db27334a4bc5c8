#!/bin/sh
# A throw-away foreign hierarchy for trials, made with nothing but openssl. For trials only: see README.md.
#
#   sh certs-dev/make.sh SERIAL [ISSUER.pem]
#
# SERIAL      the station's serial number, CN of its certificate
# ISSUER.pem  a real authority's certificate; the impostor copies its name. Without one it makes a name up.
#
# Everything goes to certs-dev/out/ (or $OUT), which git ignores; what lies there is replaced.
set -eu
umask 077

serial="${1:?usage: make.sh SERIAL [ISSUER.pem]}"
issuer="${2:-}"
out="${OUT:-$(dirname "$0")/out}"
mkdir -p "$out"

extensions="$out/extensions.cnf"
cat >"$extensions" <<'EOF'
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[station]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature, keyAgreement
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[server]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
EOF

new_key() { # NAME
    openssl ecparam -name prime256v1 -genkey -noout -out "$out/$1.key"
}

authority() { # NAME SUBJECT
    new_key "$1"
    openssl req -new -x509 -utf8 -config "$extensions" -extensions authority -days 30 -sha256 \
        -key "$out/$1.key" -subj "$2" -out "$out/$1.pem"
}

leaf() { # NAME AUTHORITY SUBJECT SECTION
    new_key "$1"
    openssl req -new -utf8 -config "$extensions" -key "$out/$1.key" -subj "$3" -out "$out/$1.csr"
    openssl x509 -req -in "$out/$1.csr" -CA "$out/$2.pem" -CAkey "$out/$2.key" -set_serial "0x1$(openssl rand -hex 15)" \
        -days 30 -sha256 -extfile "$extensions" -extensions "$4" -out "$out/$1.pem" 2>/dev/null
    rm "$out/$1.csr"
}

# A certificate's subject as -subj wants it: /O=Example/CN=Station Authority, slashes inside escaped.
subject_of() { # FILE
    openssl x509 -in "$1" -noout -subject -nameopt RFC2253,-dn_rev,sep_multiline,-esc_msb,utf8 |
        sed -n 's|/|\\/|g; s|^ *\([A-Z][A-Za-z]*=.*\)$|/\1|p' | tr -d '\n'
}

# A manufacturer's bootstrap hierarchy: stations often leave the factory with a certificate like this one.
authority bootstrap-root "/O=Bootstrap Works/CN=Bootstrap Root (trial)"
leaf bootstrap-station bootstrap-root "/O=Bootstrap Works/CN=$serial" station

# Somebody who would like to be us.
name="/O=Impostor/CN=Impostor Authority (trial)"
[ -z "$issuer" ] || name="$(subject_of "$issuer")"
authority impostor-authority "$name"
leaf impostor-station impostor-authority "/O=Impostor/CN=$serial" station
leaf impostor-csms impostor-authority "/O=Impostor/CN=localhost" server

rm "$extensions"
echo "made in $out:" >&2
ls "$out"
