/* The default for microcontrollers: 64 KB of RAM in all, any certificate that SAP's load balancers use. */
#ifndef BASE_PROFILE_ROBUST_H
#define BASE_PROFILE_ROBUST_H

#define IFL_PROFILE_NAME "robust"
#define IFL_ROUTE_COUNT 6           /* routes in the configuration */
#define IFL_ORPHAN_COUNT 2          /* lanes of routes that left the configuration and aren't empty yet */
#define IFL_PATH_SIZE 128           /* characters of a route's path incl. the zero */
#define IFL_STATIC_HEADERS_SIZE 128 /* characters of a route's static headers in all, incl. zeros */
#define IFL_REQUEST_HEAD_SIZE 1024  /* bytes of one request's header block, CSRF token and cookies included */
#define IFL_COOKIES_SIZE 384        /* bytes of CSRF token and cookies remembered for one route at a time */
#define IFL_PAYLOAD_SIZE_MAX 8192   /* bytes of one message */
#define IFL_IDENTITY_SIZE_MAX 8192  /* bytes of DER chain, key and texts in a slot */
#define IFL_RSA_BITS_MAX 3072       /* of a private key: 4096 would take 5 KB more than the arena has */
#define IFL_NUMBER_BITS 32          /* of a message's number in RAM: 32 or 64 */
#define IFL_EVENT_COUNT 12          /* events kept for `log` */
#define IFL_CONFIG_SIZE_MAX 4096    /* bytes of iflow.json */
#define IFL_LINE_SIZE 512           /* bytes of one console line */
#define IFL_LIST_MAX 0              /* messages of a lane in one answer of the console; 0: no limit */
#define IFL_INGEST_PENDING_COUNT 8  /* answers to a producer that can wait for one sync */
#define IFL_FLASH_PROG_SIZE_MAX 256 /* largest program granularity supported */
#ifndef IFL_FLASH_CACHE
#define IFL_FLASH_CACHE                                                                                                \
    0 /* 1: the outbox also takes a medium with a cache, whose programs are durable only after a sync */
#endif

#define IFL_HTTP_LINE_SIZE 512    /* bytes of a header line of an answer that are kept */
#define IFL_CSRF_COUNT 2          /* routes whose CSRF token and cookies are kept at the same time */
#define IFL_TLS_SESSION_SIZE 2560 /* bytes of a saved TLS session: 1.2 takes 150, 1.3 with nginx's ticket 1.8 KB */
#define IFL_TLS_RECORD_SIZE 2048  /* bytes of plaintext that one record takes */
#define IFL_FILE_NAME_SIZE 1      /* characters of a file's name incl. the zero; 1: there are no files */

#endif
