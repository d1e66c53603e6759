#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes certificates for the tests: certificates.sh FOLDER                 all that are good or bad for long
#                                   certificates.sh FOLDER brief SECONDS   one whose time is over soon
# NAME.pem is what a server shows, its chain included, NAME.key its key; ca.pem is whom the device trusts.
set -euo pipefail
cd "$1"

# key NAME [BITS]: P-256, or RSA with so many bits
key() {
  if [ $# -gt 1 ]; then
    openssl genrsa -out "$1.key" "$2"
  else
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"
  fi
}

# sign NAME ISSUER EXTENSIONS [OPTION...]: has the issuer sign a certificate for NAME's key
sign() {
  local name=$1 issuer=$2 extensions=$3 subject
  shift 3
  case $name in ca | stranger | between | nobody | weak) subject="/CN=$name" ;; wildcard) subject="/CN=*.wild.test" ;; *) subject="/CN=localhost" ;; esac
  openssl req -new -key "$name.key" -subj "$subject" -out "$name.csr"
  mkdir -p "of-$name"
  : >"of-$name/index.txt"
  openssl rand -hex 4 >"of-$name/serial"
  cat >"of-$name/ca.cnf" <<END
[ca]
default_ca = own
[own]
database = of-$name/index.txt
serial = of-$name/serial
new_certs_dir = of-$name
default_md = sha256
policy = any
[any]
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = none
authorityKeyIdentifier = none
[server]
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
subjectKeyIdentifier = hash
[other]
subjectAltName = DNS:elsewhere.example, IP:127.0.0.2
[client]
extendedKeyUsage = clientAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
[nameless]
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
subjectAltName = email:nobody@example.com
[plain]
basicConstraints = critical, CA:FALSE
END
  local signer=(-cert "$issuer.crt" -keyfile "$issuer.key")
  [ "$name" != "$issuer" ] || signer=(-selfsign -keyfile "$issuer.key")
  [[ " $* " = *" -enddate "* ]] || set -- "$@" -days 30
  openssl ca -batch -notext -config "of-$name/ca.cnf" "${signer[@]}" -extensions "$extensions" \
    -in "$name.csr" -out "$name.crt" "$@"
}

# leaf NAME ISSUER EXTENSIONS [OPTION...]: what a server shows
leaf() {
  sign "$@"
  cp "$1.crt" "$1.pem"
  case $2 in
  ca | stranger) ;;
  *)
    cp "$2.crt" "$1.chain"
    cat "$2.crt" >>"$1.pem"
    ;;
  esac
}

if [ "${2-}" = brief ]; then
  key brief
  leaf brief ca server -startdate "$(date -u -d '-1 hour' +%Y%m%d%H%M%SZ)" \
    -enddate "$(date -u -d "+$3 seconds" +%Y%m%d%H%M%SZ)"
  exit
fi

for name in ca stranger between nobody good foreign misnamed expired future ofNobody ofBetween \
  ofWeak purpose device nameless wildcard; do key "$name"; done
key rsa 2048
key small 1024

sign ca ca authority
cp ca.crt ca.pem
sign stranger stranger authority
cp stranger.crt stranger.pem
leaf good ca server
leaf rsa ca server
leaf foreign stranger server
leaf misnamed ca other
leaf expired ca server -startdate 20240101000000Z -enddate 20240201000000Z
leaf future ca server -startdate 20450101000000Z -enddate 20460101000000Z
leaf small ca server
leaf purpose ca client
leaf device ca client
# Names as the common name alone.
leaf nameless ca nameless
leaf wildcard ca nameless
# An authority between, one signed with SHA-1, and one that is none.
sign between ca authority
leaf ofBetween between server
sign nobody ca plain
leaf ofNobody nobody server
cp between.key weak.key
sign weak ca authority -md sha1
leaf ofWeak weak server
