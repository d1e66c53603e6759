#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes certificates for the tests: certificates.sh FOLDER
# NAME.pem is what a server shows, NAME.key its key; ca.pem is whom the client trusts.
set -euo pipefail
cd "$1"

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"; }

# authority NAME
authority() {
  key "$1"
  openssl req -x509 -new -key "$1.key" -subj "/CN=$1" -days 30 -out "$1.pem" \
    -addext keyUsage=critical,keyCertSign
}

# leaf NAME ISSUER ALTERNATIVE-NAMES DAYS [COMMON-NAME]
leaf() {
  key "$1"
  openssl req -new -key "$1.key" -subj "/CN=${5:-$1}" -out "$1.csr"
  printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\n' "$3" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -set_serial "$RANDOM" -days "$4" \
    -extfile "$1.ext" -out "$1.pem"
}

authority ca
authority stranger
leaf good ca DNS:localhost,IP:127.0.0.1 30
leaf misnamed ca DNS:elsewhere.example 30
leaf foreign stranger DNS:localhost,IP:127.0.0.1 30
leaf expired ca DNS:localhost,IP:127.0.0.1 -1
leaf unnamed ca email:nobody@example.com 30 localhost
leaf wildcard ca DNS:elsewhere.example 30 localhost
