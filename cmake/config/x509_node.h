/* x509_node.h: included in front of Mbed TLS's x509.c and x509_crt.c by the compiler (-include) on a node: what of a certificate it doesn't read.
 *
 * Parts that nothing here ever asks for get numbers that no certificate can have, so that the code for them falls away. They are stepped over then, as Mbed TLS
 * does with what it doesn't know; a critical extension that isn't read is refused, as ever. */
#ifndef X509_NODE_H
#define X509_NODE_H

#include <common.h>

#include <mbedtls/oid.h>
#include <mbedtls/x509.h>

/* Behind `case`: nothing comes there, and what follows belongs to a label that nobody jumps to. */
#define X509_NODE_NEVER(number, label)                                                                                 \
    (1 << (number)) : __builtin_unreachable();                                                                         \
    label

/* Certificate policies say under which contract it was issued; who would check them would have to know the contracts. Netscape's type of a certificate:
 * no browser has looked at it for twenty years. mbedtls_oid_get_x509_ext_type() keeps its numbers for them. */
#undef MBEDTLS_OID_X509_EXT_CERTIFICATE_POLICIES
#define MBEDTLS_OID_X509_EXT_CERTIFICATE_POLICIES X509_NODE_NEVER(28, policies)
#undef MBEDTLS_OID_X509_EXT_NS_CERT_TYPE
#define MBEDTLS_OID_X509_EXT_NS_CERT_TYPE X509_NODE_NEVER(29, netscape)

/* Key identifiers tell apart CAs of one name; here a signature does, and the room identity asks for them where it takes keys (names_another_issuer()). */
#ifdef IFL_WITHOUT_KEY_IDENTIFIERS
#undef MBEDTLS_OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER
#define MBEDTLS_OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER X509_NODE_NEVER(30, authority)
#undef MBEDTLS_OID_X509_EXT_SUBJECT_KEY_IDENTIFIER
#define MBEDTLS_OID_X509_EXT_SUBJECT_KEY_IDENTIFIER X509_NODE_NEVER(27, subject)
#endif

/* A server is known by a dNSName or an iPAddress (RFC 6125 section 6.4). A tag with its class has 8 bits. */
#undef MBEDTLS_X509_SAN_OTHER_NAME
#define MBEDTLS_X509_SAN_OTHER_NAME 0x100
#undef MBEDTLS_X509_SAN_DIRECTORY_NAME
#define MBEDTLS_X509_SAN_DIRECTORY_NAME 0x200

#endif
