/* For microcontrollers with little more than 32 KB of RAM: few routes, small messages. */
#ifndef BASE_PROFILE_TIGHT_H
#define BASE_PROFILE_TIGHT_H

#define IFL_PROFILE_NAME "tight"
#define IFL_ROUTE_COUNT 2
#define IFL_ORPHAN_COUNT 1
#define IFL_PATH_SIZE 96
#define IFL_STATIC_HEADERS_SIZE 64
#define IFL_REQUEST_HEAD_SIZE 768
#define IFL_COOKIES_SIZE 256
#define IFL_PAYLOAD_SIZE_MAX 1024
#define IFL_IDENTITY_SIZE_MAX 6144
#define IFL_EVENT_COUNT 8
#define IFL_CONFIG_SIZE_MAX 1536
#define IFL_LINE_SIZE 256
#define IFL_INGEST_PENDING_COUNT 4
#define IFL_FLASH_PROG_SIZE_MAX 256

#endif
#define IFL_HTTP_LINE_SIZE 384
#define IFL_CSRF_COUNT 1
