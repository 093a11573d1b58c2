/* As little as the sender can do with: a hundred thousand of it must fit this machine. */
#ifndef PROFILE_FLEET_H
#define PROFILE_FLEET_H

#define IFL_PROFILE_NAME "fleet"
#define IFL_ROUTE_COUNT 1
#define IFL_ORPHAN_COUNT 1
#define IFL_PATH_SIZE 40
#define IFL_STATIC_HEADERS_SIZE 8
#define IFL_REQUEST_HEAD_SIZE 560
#define IFL_COOKIES_SIZE 16
#define IFL_PAYLOAD_SIZE_MAX 1024
#define IFL_IDENTITY_SIZE_MAX 6144
#define IFL_RSA_BITS_MAX 2048
#define IFL_EVENT_COUNT 8
#define IFL_CONFIG_SIZE_MAX 1536
#define IFL_LINE_SIZE 256
#define IFL_INGEST_PENDING_COUNT 4
#define IFL_FLASH_PROG_SIZE_MAX 256

#define IFL_HTTP_LINE_SIZE 64
#define IFL_CSRF_COUNT 1
#define IFL_TLS_SESSION_SIZE 512
#define IFL_TLS_RECORD_SIZE 1024
#define IFL_FILE_NAME_SIZE 1

#endif
