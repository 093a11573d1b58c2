/* packed_fields.h: what is packed, in the order in which it's packed. Numbers with their type and the largest one that is taken. */
#ifndef SETTINGS_PACKED_FIELDS_H
#define SETTINGS_PACKED_FIELDS_H

#include <stddef.h>

#include "settings/settings.h"

#define ANY 0 /* each number of 32 bits is taken */

#define DOCUMENT_NUMBERS(NUMBER)                                                                                       \
    NUMBER(enum settings_tls, tls, SETTINGS_TLS_13)                                                                    \
    NUMBER(enum settings_auth, auth, SETTINGS_AUTH_OAUTH)                                                              \
    NUMBER(uint32_t, outbox_size, ANY)                                                                                 \
    NUMBER(uint32_t, payload_max, IFL_PAYLOAD_SIZE_MAX)                                                                \
    NUMBER(uint32_t, backoff_base_ms, ANY)                                                                             \
    NUMBER(uint32_t, backoff_cap_ms, ANY)                                                                              \
    NUMBER(uint32_t, probe_first_ms, ANY)                                                                              \
    NUMBER(uint32_t, probe_cap_ms, ANY)                                                                                \
    NUMBER(uint32_t, idle_close_ms, ANY)                                                                               \
    NUMBER(uint32_t, boot_jitter_ms, ANY)                                                                              \
    NUMBER(size_t, route_count, IFL_ROUTE_COUNT)

#define ROUTE_NUMBERS(NUMBER)                                                                                          \
    NUMBER(uint8_t, priority, UINT8_MAX)                                                                               \
    NUMBER(enum settings_full, full, SETTINGS_FULL_GIVE_UP_OLDEST)                                                     \
    NUMBER(enum settings_body, body, SETTINGS_BODY_EVENT)                                                              \
    NUMBER(uint32_t, batch_count, ANY)                                                                                 \
    NUMBER(uint32_t, batch_size, ANY)                                                                                  \
    NUMBER(uint32_t, batch_delay_ms, ANY)                                                                              \
    NUMBER(uint32_t, timeout_ms, ANY)                                                                                  \
    NUMBER(uint32_t, max_rate, ANY)                                                                                    \
    NUMBER(uint32_t, max_age_min, ANY)                                                                                 \
    NUMBER(uint32_t, dead_letter_after, ANY)

struct text_place {
    uint16_t offset, size; /* in the struct that it's a part of; bytes incl. the zero */
};

#define PLACE(of, member)                                                                                              \
    {                                                                                                                  \
        offsetof(struct of, member), sizeof(((struct of *)0)->member)                                                  \
    }

static const struct text_place document_texts[] = {
    PLACE(settings, device),  PLACE(settings, id_header), PLACE(settings, sender_header), PLACE(settings, probe_path),
    PLACE(settings, url),     PLACE(settings, proxy),     PLACE(settings, resolve),       PLACE(settings, address),
    PLACE(settings, gateway), PLACE(settings, dns[0]),    PLACE(settings, dns[1]),        PLACE(settings, ntp[0]),
    PLACE(settings, ntp[1]),  PLACE(settings, user),      PLACE(settings, password),
};

/* Behind them come the headers, as they are, with the zeros between them. */
static const struct text_place route_texts[] = {
    PLACE(settings_route, name),
    PLACE(settings_route, path),
    PLACE(settings_route, content_type),
};

#define TEXT_COUNT(places) (sizeof(places) / sizeof(places)[0])

_Static_assert(SETTINGS_SERVER_COUNT == 2, "each server stands in the list");

#endif
