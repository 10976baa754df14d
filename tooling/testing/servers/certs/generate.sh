#!/usr/bin/env bash
# generate.sh: makes the certificates and keys of this folder anew. They are for tests only (see README.md).
# Valid from 2020 to 2120, whatever the clock of the machine that makes or uses them says; expired.pem to 2021.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
passphrase=test-only

cat >"$work/openssl.cnf" <<CNF
[req]
distinguished_name = any
prompt = no
[ca]
default_ca = here
[here]
database = $work/index.txt
new_certs_dir = $work
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
copy_extensions = none
[any]
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = CA:FALSE
keyUsage = digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = DNS:localhost, DNS:server.dc1.consul, DNS:etcd0, DNS:etcd1, DNS:etcd2, IP:127.0.0.1
[client]
basicConstraints = CA:FALSE
keyUsage = digitalSignature
extendedKeyUsage = clientAuth
subjectAltName = DNS:alice
CNF
: >"$work/index.txt"

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; } # PKCS#8, which ZooKeeper wants
sign() { # sign OUT SUBJECT SECTION KEY SIGNER…
  local out=$1 subject=$2 section=$3 key=$4; shift 4
  openssl req -new -config "$work/openssl.cnf" -key "$key" -subj "$subject" -out "$work/request.csr"
  openssl ca -batch -notext -config "$work/openssl.cnf" -extensions "$section" -in "$work/request.csr" -out "$out" \
    -startdate 20200101000000Z -enddate "${until:-21200101000000Z}" "$@" 2>/dev/null
}

key "$work/ca.key"; sign ca.pem '/CN=libkv test CA' authority "$work/ca.key" -selfsign -keyfile "$work/ca.key"
key "$work/other.key"; sign other-ca.pem '/CN=unrelated test CA' authority "$work/other.key" -selfsign -keyfile "$work/other.key"
key server.key; sign server.pem /CN=localhost server server.key -cert ca.pem -keyfile "$work/ca.key"
key client.key; sign client.pem /CN=alice client client.key -cert ca.pem -keyfile "$work/ca.key"
key lone.key; sign self-signed.pem /CN=localhost server lone.key -selfsign -keyfile lone.key
until=20210101000000Z sign expired.pem /CN=localhost server lone.key -selfsign -keyfile lone.key
openssl pkcs8 -topk8 -v2 aes-256-cbc -in client.key -passout "pass:$passphrase" -out client-encrypted.key
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out jwt.key 2>/dev/null
openssl pkey -in jwt.key -pubout -out jwt.pub
chmod 644 ./*.pem ./*.key ./*.pub
