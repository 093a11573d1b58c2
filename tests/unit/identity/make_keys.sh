#!/bin/sh
# make_keys.sh DIRECTORY: certificates and keys for the identity tests, made by openssl. Nothing in the world trusts them.
#
#   root, intermediate  RSA-4096 CAs, as SAP's;  leaf: RSA-2048, clientAuth, below them;  other-leaf: another one, other-key its key
#   ec-root, ec-intermediate, ec-leaf (P-256), ec384-leaf; and leaves that must be refused, each named after what is wrong with it
set -eu

dir=$1
self=$0
if [ -e "$dir/complete" ] && [ -z "$(find "$self" -newer "$dir/complete")" ] && [ -z "$(find "$dir/complete" -mtime +60)" ]; then
  exit 0
fi
rm -rf "$dir"
mkdir -p "$dir"
cd "$dir"
umask 077

cat >ext.cnf <<'END'
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[not_ca]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = clientAuth
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
[no_eku]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
[req]
distinguished_name = none
[none]
END

rsa() { openssl genrsa -traditional -out "$1.key" "$2" 2>/dev/null; }
ec() { openssl ecparam -name "$2" -genkey -noout -out "$1.key"; }

selfsigned() { # name, section
  openssl req -x509 -new -config ext.cnf -extensions "$2" -key "$1.key" -sha256 -days 3650 -out "$1.crt" \
    -subj "/C=DE/O=SAP SE/CN=$1"
}

signed() { # name, key, issuer, section, digest
  openssl req -new -config ext.cnf -key "$2.key" -out "$1.csr" \
    -subj "/C=DE/O=SAP SE/OU=SAP Cloud Platform Clients/OU=Canary/L=plant/CN=$1"
  openssl x509 -req -in "$1.csr" -CA "$3.crt" -CAkey "$3.key" -set_serial "0x$(openssl rand -hex 8)" -days 365 "-$5" \
    -extfile ext.cnf -extensions "$4" -out "$1.crt" 2>/dev/null
}

rsa root 4096 &
rsa intermediate 4096 &
wait
rsa leaf 2048
rsa other 2048
rsa weak 1024
rsa rsa3072 3072
ec ec-root secp384r1
ec ec-intermediate prime256v1
ec ec-leaf prime256v1
ec ec384-leaf secp384r1
ec ec521 secp521r1
ec ec-k1 secp256k1
openssl genpkey -algorithm ed25519 -out ed25519.key

selfsigned root ca
signed intermediate intermediate root ca sha384
signed leaf leaf intermediate client sha256
signed other-leaf other intermediate client sha256
cp other.key other-leaf.key
signed leaf-again leaf intermediate client sha256
signed leaf-server leaf intermediate server sha256
signed leaf-no-eku leaf intermediate no_eku sha256
signed leaf-sha1 leaf intermediate client sha1
signed leaf-weak weak intermediate client sha256
signed leaf-3072 rsa3072 intermediate client sha256
signed leaf-ec521 ec521 intermediate client sha256
signed leaf-k1 ec-k1 intermediate client sha256
signed leaf-ed25519 ed25519 intermediate client sha256
signed leaf-under-root leaf root client sha256
signed leaf-under-leaf other leaf client sha256
selfsigned ec-root ca
signed ec-intermediate ec-intermediate ec-root ca sha384
signed ec-leaf ec-leaf ec-intermediate client sha256
signed ec384-leaf ec384-leaf ec-intermediate client sha384
# The same name as the intermediate, another key: only the signature tells them apart.
rsa impostor 2048
cp intermediate.csr impostor.intermediate.csr
openssl req -new -config ext.cnf -key impostor.key -out impostor.csr \
  -subj "/C=DE/O=SAP SE/OU=SAP Cloud Platform Clients/OU=Canary/L=plant/CN=intermediate"
openssl x509 -req -in impostor.csr -CA root.crt -CAkey root.key -set_serial 77 -days 365 -sha256 -extfile ext.cnf \
  -extensions ca -out impostor.crt 2>/dev/null
cp leaf.key selfsigned.key
selfsigned selfsigned client

# The intermediate is signed without a CA's rights: the name fits and the signature is good, and it still may not sign.
openssl x509 -req -in intermediate.csr -CA root.crt -CAkey root.key -set_serial 78 -days 365 -sha256 -extfile ext.cnf \
  -extensions not_ca -out intermediate-not-ca.crt 2>/dev/null

openssl pkcs8 -topk8 -nocrypt -in leaf.key -out leaf-pkcs8.key
openssl pkcs8 -topk8 -passout pass:secret -in leaf.key -out leaf-encrypted-pkcs8.key
openssl rsa -in leaf.key -aes128 -passout pass:secret -traditional -out leaf-encrypted.key 2>/dev/null
openssl ecparam -name prime256v1 -out ec-parameters.pem
openssl pkcs8 -topk8 -nocrypt -in ec-leaf.key -out ec-leaf-pkcs8.key
openssl pkey -in leaf.key -pubout -out leaf.pub

for name in leaf intermediate root ec-leaf; do openssl x509 -in "$name.crt" -outform DER -out "$name.crt.der"; done
openssl rsa -in leaf.key -outform DER -traditional -out leaf.key.der 2>/dev/null
openssl ec -in ec-leaf.key -outform DER -out ec-leaf.key.der 2>/dev/null

: >complete
