#!/bin/sh
# Makes the certificates of this folder, with openssl 3. They are checked in because openssl need not be there where tests run; they protect nothing.
# Valid from 2020 to 2120, whatever a machine's clock says, except for the expired one. Names follow Hubble: <node>.<cluster>.hubble-grpc.cilium.io
# and <any>.hubble-relay.cilium.io.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
touch "$work/index"
cat >"$work/openssl.cnf" <<CONFIG
[ca]
default_ca = test
[test]
database = $work/index
new_certs_dir = $work
rand_serial = yes
default_md = sha256
unique_subject = no
policy = any
[any]
commonName = supplied
[issuer]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
CONFIG

# request FILE COMMON-NAME
request() {
  openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"
  openssl req -new -key "$1.key" -subj "/CN=$2" -out "$work/request"
}

# issue FILE NOT-AFTER [openssl ca options]
issue() {
  file=$1 until=$2
  shift 2
  openssl ca -batch -notext -config "$work/openssl.cnf" -in "$work/request" -out "$file.crt" \
    -startdate 20200101000000Z -enddate "$until" "$@" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
}

# authority FILE COMMON-NAME
authority() {
  request "$1" "$2"
  issue "$1" 21200101000000Z -selfsign -keyfile "$1.key" -extensions issuer
}

# signed FILE AUTHORITY NOT-AFTER SUBJECT-ALT-NAMES
signed() {
  request "$1" "$1"
  printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$4" >"$work/names"
  issue "$1" "$3" -cert "$2.crt" -keyfile "$2.key" -extfile "$work/names"
}

authority ca 'sluice test CA'
authority other-ca 'another test CA'
node='DNS:*.east.hubble-grpc.cilium.io,DNS:localhost,IP:127.0.0.1'
signed server ca 21200101000000Z "$node"
signed expired ca 20200102000000Z "$node"
signed client ca 21200101000000Z 'DNS:*.hubble-relay.cilium.io'
signed stranger other-ca 21200101000000Z 'DNS:*.hubble-relay.cilium.io'
rm ca.key other-ca.key
