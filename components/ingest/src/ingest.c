/* ingest.c: lines of producers into the outbox, answers back after the sync.
 *
 * The end of a line is consumed only together with its outcome. So when there is no place for the answer, or the outbox is
 * erasing, the caller keeps the LF and feeds it again: no state is needed for "a line is complete and waits". */
#include "ingest/ingest.h"

#include <string.h>

void ingest_init(struct ingest *ingest, const struct ingest_wiring *wiring, void *line_buf, size_t line_size)
{
    memset(ingest, 0, sizeof *ingest);
    ingest->wiring = wiring;
    ingest->line = line_buf;
    ingest->line_size = line_size;
}

bool ingest_is_full(const struct ingest *ingest)
{
    return ingest->pending_count == INGEST_PENDING_COUNT;
}

static bool is_medium_failure(enum ifl_status status)
{
    return status == IFL_FLASH_IO || status == IFL_FLASH_VERIFY || status == IFL_FLASH_GEOMETRY;
}

/* Find the route and the payload of a line without its line end. */
static enum ifl_status split(const struct settings *settings, struct bytes line, size_t *route, struct bytes *payload)
{
    *route = settings->route_count;
    if (line.size == 0) {
        return IFL_LINE_EMPTY;
    }
    const size_t name_len = bytes_find(line, bytes_of_string(" "));
    *route = settings_route_index(settings, bytes_head(line, name_len));
    if (*route == settings->route_count) {
        return IFL_LINE_NO_ROUTE;
    }
    *payload = bytes_tail(line, name_len + 1);
    if (payload->size == 0) {
        return IFL_LINE_EMPTY;
    }
    return payload->size > settings->payload_max ? IFL_LINE_TOO_LONG : IFL_OK;
}

static enum ifl_status store(struct ingest *ingest, size_t route, struct bytes payload, ifl_ms now,
                             struct outbox_id *id)
{
    const struct ingest_wiring *wiring = ingest->wiring;
    const uint8_t lane = outbox_lane_of(wiring->outbox, wiring->settings->routes[route].name);
    if (lane == OUTBOX_LANE_NONE) {
        return IFL_LINE_NO_ROUTE;
    }
    const struct clock_reading reading = clock_read(wiring->clock, now);
    const struct outbox_time time = {
        .unix_s = reading.unix_s, .quality = (uint8_t)reading.quality, .uptime_min = reading.uptime_min};
    const enum ifl_status status = outbox_put(wiring->outbox, lane, payload, time, id);
    return status == IFL_TOO_LARGE ? IFL_LINE_TOO_LONG
                                   : status; /* the outbox may hold less than the configuration allows */
}

static void add_pending(struct ingest *ingest, enum ifl_status status, size_t route, struct outbox_id id, ifl_ms now)
{
    struct ingest_pending *pending = &ingest->pending[ingest->pending_count++];
    pending->status = status;
    pending->id = id;
    if (status == IFL_OK) {
        return;
    }
    const bool known = route < ingest->wiring->settings->route_count;
    health_count(ingest->wiring->health, HEALTH_REFUSED, 1);
    health_event(ingest->wiring->health, now, status, known ? (uint8_t)route : HEALTH_ROUTE_NONE, NULL);
}

/* The line in the buffer is complete. FLASH_BUSY: nothing has happened. Else it's gone and its answer is pending. */
static enum ifl_status finish_line(struct ingest *ingest, ifl_ms now)
{
    struct bytes line = bytes_of(ingest->line, ingest->line_len);
    if (line.size > 0 && line.data[line.size - 1] == '\r') {
        line.size--;
    }
    struct outbox_id id = {0};
    struct bytes payload = {0};
    size_t route = ingest->wiring->settings->route_count;
    enum ifl_status status =
        ingest->skipping ? IFL_LINE_TOO_LONG : split(ingest->wiring->settings, line, &route, &payload);
    if (status == IFL_OK) {
        status = store(ingest, route, payload, now, &id);
    }
    if (status == IFL_FLASH_BUSY) {
        return status;
    }
    ingest->line_len = 0;
    ingest->skipping = false;
    add_pending(ingest, status, route, id, now);
    return status;
}

/* Keep a piece of a line; what doesn't fit makes the whole line too long. */
static void keep(struct ingest *ingest, struct bytes piece)
{
    if (ingest->skipping || piece.size == 0) {
        return;
    }
    if (piece.size > ingest->line_size - ingest->line_len) {
        ingest->skipping = true;
        ingest->line_len = 0;
        return;
    }
    memcpy(ingest->line + ingest->line_len, piece.data, piece.size);
    ingest->line_len += piece.size;
}

enum ifl_status ingest_feed(struct ingest *ingest, struct bytes input, ifl_ms now, size_t *used)
{
    *used = 0;
    while (*used < input.size) {
        const struct bytes rest = bytes_tail(input, *used);
        const uint8_t *end = memchr(rest.data, '\n', rest.size);
        const size_t piece_size = end == NULL ? rest.size : (size_t)(end - rest.data);
        keep(ingest, bytes_head(rest, piece_size));
        *used += piece_size;
        if (end == NULL || ingest_is_full(ingest)) {
            return IFL_OK;
        }
        const enum ifl_status status = finish_line(ingest, now);
        if (status == IFL_FLASH_BUSY) {
            return IFL_AGAIN;
        }
        *used += 1;
        if (is_medium_failure(status)) {
            return status;
        }
    }
    return IFL_OK;
}

void ingest_end(struct ingest *ingest, ifl_ms now)
{
    if ((ingest->line_len == 0 && !ingest->skipping) || ingest_is_full(ingest)) {
        return;
    }
    const enum ifl_status status = ingest->skipping ? IFL_LINE_TOO_LONG : IFL_LINE_CUT;
    ingest->line_len = 0;
    ingest->skipping = false;
    add_pending(ingest, status, ingest->wiring->settings->route_count, (struct outbox_id){0}, now);
}

/* Everything put since the last sync shares its fate. */
static void settle(struct ingest *ingest, enum ifl_status sync)
{
    for (; ingest->settled_count < ingest->pending_count; ingest->settled_count++) {
        struct ingest_pending *pending = &ingest->pending[ingest->settled_count];
        if (pending->status != IFL_OK) {
            continue;
        }
        pending->status = sync;
        health_count(ingest->wiring->health, sync == IFL_OK ? HEALTH_STORED : HEALTH_REFUSED, 1);
    }
}

static void write_answer(const struct ingest_pending *pending, struct text *out)
{
    if (pending->status == IFL_OK) {
        text_str(out, "OK ");
        outbox_id_text(&pending->id, out);
    } else {
        text_str(out, "ERROR ");
        text_status(out, pending->status);
    }
    text_char(out, '\n');
}

bool ingest_acknowledge(struct ingest *ingest, enum ifl_status sync, struct text *out)
{
    settle(ingest, sync);
    size_t written = 0;
    while (written < ingest->pending_count && !out->cut) {
        const size_t before = out->len;
        write_answer(&ingest->pending[written], out);
        if (out->cut) { /* it doesn't fit: take the piece back, half an answer would confuse the producer */
            out->len = before;
            out->buf[before] = '\0';
            out->cut = false;
            break;
        }
        written++;
    }
    ingest->pending_count -= written;
    ingest->settled_count -= written;
    memmove(ingest->pending, ingest->pending + written, ingest->pending_count * sizeof ingest->pending[0]);
    return ingest->pending_count == 0;
}
