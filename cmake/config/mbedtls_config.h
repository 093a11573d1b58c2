/* mbedtls_config.h: what of Mbed TLS 3.6 is built, the same for every program and board.
 *
 * A TLS client that presents a certificate chain, speaks TLS 1.2 and 1.3 and verifies a public server, and the reading and writing
 * of keys and certificates. What isn't defined here is off. Sizes that a profile may change stand in #ifndef at the end. */
#ifndef IFL_MBEDTLS_CONFIG_H
#define IFL_MBEDTLS_CONFIG_H

/* ---- Platform: Mbed TLS calls nothing of the OS; memory, time and randomness are handed in ---------------------------------- */

#define MBEDTLS_PLATFORM_C
/* Memory comes from our arena: mbedtls_platform_set_calloc_free() at start. */
#define MBEDTLS_PLATFORM_MEMORY
/* No libc function is the default of anything: until the arena is given every allocation fails, and a node links no malloc. */
#define MBEDTLS_PLATFORM_NO_STD_FUNCTIONS
/* The one exception: names, serial numbers and OIDs are written with snprintf (no allocation, no I/O). */
#include <stdio.h> /* IWYU pragma: keep; the macro below is used in files that don't include it themselves */
#define MBEDTLS_PLATFORM_SNPRINTF_MACRO snprintf

/* The room clock is the only source of time: mbedtls_platform_set_time() takes its wall time, and the room tls defines
 * mbedtls_ms_time() (monotonic, ages TLS 1.3 tickets) and mbedtls_platform_gmtime_r() (certificate dates). */
#define MBEDTLS_HAVE_TIME
#define MBEDTLS_HAVE_TIME_DATE
#define MBEDTLS_PLATFORM_TIME_ALT
#define MBEDTLS_PLATFORM_MS_TIME_ALT
#define MBEDTLS_PLATFORM_GMTIME_R_ALT

/* Randomness: a CTR_DRBG, seeded by our own callback from what the board offers. Mbed TLS's own entropy pool (ENTROPY_C)
 * would look for an OS; TLS 1.3 draws through PSA, so PSA asks mbedtls_psa_external_get_random() of the room tls. */
#define MBEDTLS_CTR_DRBG_C
#define MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG
#define MBEDTLS_NO_PLATFORM_ENTROPY /* no /dev/urandom, not even where there is one */

/* Inline assembler for long numbers and AES: on the gateway AES-NI (x86-64) and the ARMv8 extension, where the CPU has them;
 * other CPUs don't compile these files' content. */
#define MBEDTLS_HAVE_ASM
#define MBEDTLS_AESNI_C
#define MBEDTLS_AESCE_C

/* Functions that are to go away in the next major version are gone already. */
#define MBEDTLS_DEPRECATED_REMOVED

/* ---- TLS ---------------------------------------------------------------------------------------------------------------- */

#define MBEDTLS_SSL_TLS_C
#define MBEDTLS_SSL_CLI_C /* we never are a TLS server */
#define MBEDTLS_SSL_PROTO_TLS1_2
#define MBEDTLS_SSL_PROTO_TLS1_3
/* TLS 1.3 hides from middle boxes that know only 1.2 (RFC 8446 appendix D.4): plants have them. */
#define MBEDTLS_SSL_TLS1_3_COMPATIBILITY_MODE
/* TLS 1.3: certificates with ECDHE; resumption with ECDHE too, because OpenSSL servers refuse the one without by default. */
#define MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ENABLED
#define MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL_ENABLED
/* TLS 1.2: only key exchanges with forward secrecy; the server's certificate may be RSA or ECDSA. */
#define MBEDTLS_KEY_EXCHANGE_ECDHE_RSA_ENABLED
#define MBEDTLS_KEY_EXCHANGE_ECDHE_ECDSA_ENABLED
/* Binds the session to its handshake (RFC 7627), so that resumption is safe. */
#define MBEDTLS_SSL_EXTENDED_MASTER_SECRET
/* A tenant's host stands behind a shared load balancer, which picks the certificate by the name. */
#define MBEDTLS_SSL_SERVER_NAME_INDICATION
/* Resumption: a full handshake costs a node seconds of RSA, a resumed one nothing. */
#define MBEDTLS_SSL_SESSION_TICKETS
/* Required by TLS 1.3 in Mbed TLS 3.6, and the host name and dates of the server's leaf are read after the handshake. */
#define MBEDTLS_SSL_KEEP_PEER_CERTIFICATE
/* Say why we end a handshake: the operator of the other end sees it in his log. */
#define MBEDTLS_SSL_ALL_ALERT_MESSAGES

/* AES-GCM only, the shorter key first: on a node it is faster. AES-GCM with ECDHE is what every TLS 1.2 or 1.3 server offers. */
#define MBEDTLS_SSL_CIPHERSUITES                                                                                       \
    MBEDTLS_TLS1_3_AES_128_GCM_SHA256, MBEDTLS_TLS1_3_AES_256_GCM_SHA384,                                              \
        MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,                \
        MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384

/* Off on purpose: renegotiation (attack surface), CBC and with it ENCRYPT_THEN_MAC (not needed), MAX_FRAGMENT_LENGTH (a server's
 * RSA chain doesn't fit what it would promise), ALPN (without it every server speaks HTTP/1.1), DTLS, early data (could be
 * replayed), DEBUG_C (pulls in 20 KB and malloc), ERROR_C (our catalogue base/diag.def has the texts). */

/* ---- Certificates and keys ---------------------------------------------------------------------------------------------- */

#define MBEDTLS_X509_USE_C
#define MBEDTLS_X509_CRT_PARSE_C
/* TLS 1.3 signs RSA with PSS, and certificates may be signed so, too. */
#define MBEDTLS_X509_RSASSA_PSS_SUPPORT
/* Roots are handed over one at a time from flash when a chain needs them, instead of 140 parsed ones in RAM. */
#define MBEDTLS_X509_TRUSTED_CERTIFICATE_CALLBACK
/* No prose about certificates: we write our own. */
#define MBEDTLS_X509_REMOVE_INFO
#define MBEDTLS_PK_C
#define MBEDTLS_PK_PARSE_C
/* A key that came as PEM is stored as DER; a key pair made on the device is written. */
#define MBEDTLS_PK_WRITE_C
#define MBEDTLS_PEM_PARSE_C
#define MBEDTLS_PEM_WRITE_C
#define MBEDTLS_BASE64_C
#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C
#define MBEDTLS_OID_C
/* Encrypted private keys (PKCS5_C, CBC) are off: SAP gives service keys unencrypted. */

/* ---- Algorithms --------------------------------------------------------------------------------------------------------- */

#define MBEDTLS_BIGNUM_C
#define MBEDTLS_RSA_C
#define MBEDTLS_PKCS1_V15 /* TLS 1.2 and nearly all CAs */
#define MBEDTLS_PKCS1_V21 /* PSS: TLS 1.3 */
#define MBEDTLS_GENPRIME  /* an RSA key made on the device (identity/request.h) */
#define MBEDTLS_ECP_C
#define MBEDTLS_ECDH_C
#define MBEDTLS_ECDSA_C
/* A signature's random number is derived from key and message (RFC 6979): weak entropy can't give the key away. */
#define MBEDTLS_ECDSA_DETERMINISTIC
#define MBEDTLS_HMAC_DRBG_C /* needed by it */
/* P-256 is what every TLS 1.3 implementation must have (RFC 8446 section 9.1), P-384 what ECDSA CAs use. */
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_DP_SECP384R1_ENABLED
/* Fast reduction for these two curves: the switch with the best value for its size. */
#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_AES_C
/* Tables in flash, and only one of each four: 8.7 KB of RAM less. */
#define MBEDTLS_AES_ROM_TABLES
#define MBEDTLS_AES_FEWER_TABLES
#define MBEDTLS_GCM_C
#define MBEDTLS_CIPHER_C
#define MBEDTLS_MD_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA384_C
#define MBEDTLS_SHA512_C
#define MBEDTLS_HKDF_C /* the key schedule of TLS 1.3 */
/* Only so that certificates signed with it can be read: a root's signature on itself proves nothing, and old roots in use have such
 * a one; below a root it's refused as weak (components/tls/src/verify.c). MD5 is off. */
#define MBEDTLS_SHA1_C

/* ---- What a node leaves out ----------------------------------------------------------------------------------------------
 * IFL_NODE_CRYPTO: a build for a microcontroller. Each switch trades something that a node doesn't need for flash. */
#ifdef IFL_NODE_CRYPTO
/* A certificate signed with SHA-1 must parse, but no such signature is ever verified: the code of SHA-1 is 3.9 KB for nothing. */
#define MBEDTLS_SHA1_ALT
/* Loops instead of unrolled rounds: 2.4 KB less; a handshake hashes some 20 KB, records are protected by AES-GCM. */
#define MBEDTLS_SHA256_SMALLER
#define MBEDTLS_SHA512_SMALLER
/* GCM runs AES in one direction: 2.8 KB less. */
#define MBEDTLS_BLOCK_CIPHER_NO_DECRYPT
/* GCM calls AES itself instead of through the table of ciphers: 3,000 instructions less of a message. */
#define MBEDTLS_BLOCK_CIPHER_C
/* Keys and certificates lie in flash as DER; PEM is what people have, and iflowctl reads it: 1 KB less. */
#undef MBEDTLS_PEM_PARSE_C
/* No tables of precomputed points: 5.4 KB less; a key exchange takes a third more, a few million of a full handshake's 180
 * million instructions. */
#define MBEDTLS_ECP_FIXED_POINT_OPTIM 0
/* A node makes keys on P-256 only: the search for primes takes minutes there. */
#undef MBEDTLS_GENPRIME
/* One of the two versions may be left out: IFL_NODE_TLS12, IFL_NODE_TLS13 (cmake/dependencies.cmake). */
#ifdef IFL_WITHOUT_TLS12
#undef MBEDTLS_SSL_PROTO_TLS1_2
#undef MBEDTLS_KEY_EXCHANGE_ECDHE_RSA_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_ECDHE_ECDSA_ENABLED
#undef MBEDTLS_SSL_EXTENDED_MASTER_SECRET
#endif
#ifdef IFL_WITHOUT_TLS13
#undef MBEDTLS_SSL_PROTO_TLS1_3
#undef MBEDTLS_SSL_TLS1_3_COMPATIBILITY_MODE
#undef MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ENABLED
#undef MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL_ENABLED
#endif
/* What of PSA is built. Without it, a second way to everything above is. */
#define MBEDTLS_PSA_CRYPTO_CONFIG
#define MBEDTLS_PSA_CRYPTO_CONFIG_FILE <psa_node_config.h>
#endif

/* TLS 1.3 is written on PSA: keys live in it for the time of a handshake only, in a fixed number of slots. */
#define MBEDTLS_PSA_CRYPTO_C
#define MBEDTLS_PSA_KEY_SLOT_COUNT 8

/* ---- Sizes -------------------------------------------------------------------------------------------------------------- */

/* 512 bytes hold RSA-4096, the largest key of a public CA; a larger one is refused instead of filling the arena. */
#define MBEDTLS_MPI_MAX_SIZE 512
/* Certificates between leaf and root that a peer may send. */
#define MBEDTLS_X509_MAX_INTERMEDIATE_CA 8

/* A server may send records of 16 KB (RFC 8446 section 5.1) and can't be asked not to. */
#ifndef MBEDTLS_SSL_IN_CONTENT_LEN
#define MBEDTLS_SSL_IN_CONTENT_LEN 16384
#endif

/* TLS 1.3 would fill each record up to a multiple of 16 bytes; the length of a reading is no secret worth 8 bytes a message. */
#define MBEDTLS_SSL_CID_TLS1_3_PADDING_GRANULARITY 1

/* Our chain of three certificates goes out in one record: Mbed TLS doesn't fragment its own Certificate message. */
#ifndef MBEDTLS_SSL_OUT_CONTENT_LEN
#define MBEDTLS_SSL_OUT_CONTENT_LEN 5120
#endif

#endif
