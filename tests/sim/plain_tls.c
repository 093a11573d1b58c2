/* plain_tls.c: tls.h without TLS, in place of the real room: bytes pass through to net, and a handshake is a wait with an outcome that
 * the network's weather decides. Its facts are those that the real room would give. */
#include <string.h>

#include "sim.h"

#define RECORD_SIZE 4096
#define HANDSHAKE_MS 150

enum ifl_status tls_setup(struct tls_context *context)
{
    (void)context;
    return IFL_OK;
}

void tls_init(struct tls *tls, struct tls_context *context)
{
    memset(tls, 0, sizeof *tls);
    tls->context = context;
    net_init(&tls->net);
}

static enum ifl_status fail(struct tls *tls, enum ifl_status status)
{
    tls->state = TLS_FAILED;
    tls->status = status;
    if (!tls->facts.application_data_seen && tls->offered)
        tls_forget_session(tls);
    return status;
}

static void count(struct tls *tls)
{
    tls->facts.bytes_sent = tls->net.sent_count;
    tls->facts.bytes_received = tls->net.received_count;
}

enum ifl_status tls_open(struct tls *tls, const char *host, uint16_t port, const char *address,
                         const struct net_proxy *proxy, bool fresh, uint32_t timeout_ms, ifl_ms now)
{
    tls_close(tls);
    tls->facts = (struct tls_facts){.server_not_after = 4102444800};
    tls->status = IFL_OK;
    tls->offered = tls->session.size > 0 && !fresh;
    tls->deadline = ifl_ms_after(now, timeout_ms);
    tls->state = TLS_CONNECTING;
    rate_opened();
    enum ifl_status status =
        net_open(&tls->net, address != NULL && address[0] != '\0' ? address : host, port, proxy, timeout_ms, now);
    return status == IFL_OK ? IFL_OK : fail(tls, status);
}

static void shake_hands(struct tls *tls, ifl_ms now)
{
    bool late = false;
    enum ifl_status fate = link_tls_fate(tls->net.link, &late);
    tls->facts.server_verified = true;
    tls->facts.certificate_requested = true;
    tls->facts.resumed = tls->offered && world.plan.resumes;
    tls->facts.certificate_sent = !tls->facts.resumed;
    tls->facts.version = world.plan.tls13 ? 0x0304 : 0x0303;
    tls->facts.bytes_sent += 1;
    link_set_resumed(tls->net.link, tls->facts.resumed);
    if (fate != IFL_OK && !(late && world.plan.tls13)) {
        net_close(&tls->net);
        fail(tls, fate);
        return;
    }
    tls->state = TLS_OPEN;
    tls->session.size = 1;
    tls->deadline = now;
}

ifl_ms tls_step(struct tls *tls, ifl_ms now)
{
    if (tls->state == TLS_IDLE || tls->state == TLS_FAILED)
        return IFL_NEVER;
    ifl_ms wish = net_step(&tls->net, now);
    count(tls);
    if (tls->state == TLS_OPEN)
        return wish;
    if (tls->net.state == NET_FAILED) {
        fail(tls, tls->net.status);
        return now;
    }
    if (tls->state == TLS_CONNECTING && tls->net.state == NET_OPEN) {
        tls->state = TLS_HANDSHAKE;
        tls->sent_before = now + HANDSHAKE_MS; /* a field that nobody else needs here: the end of the handshake */
    }
    if (tls->state == TLS_HANDSHAKE && now >= tls->sent_before) {
        shake_hands(tls, now);
        return now;
    }
    if (now >= tls->deadline) {
        fail(tls, IFL_NET_TIMEOUT);
        return now;
    }
    wish = ifl_ms_min(wish, tls->deadline);
    return tls->state == TLS_HANDSHAKE ? ifl_ms_min(wish, tls->sent_before) : wish;
}

enum tls_state tls_state(const struct tls *tls)
{
    return tls->state;
}

enum ifl_status tls_status(const struct tls *tls)
{
    return tls->status;
}

const struct tls_facts *tls_facts(const struct tls *tls)
{
    return &tls->facts;
}

enum ifl_status tls_write(struct tls *tls, struct bytes data, size_t *taken)
{
    if (tls->state != TLS_OPEN)
        return tls->status == IFL_OK ? IFL_INVALID : tls->status;
    enum ifl_status status = net_send(&tls->net, bytes_head(data, RECORD_SIZE), taken);
    count(tls);
    return status == IFL_OK || status == IFL_AGAIN ? status : fail(tls, status);
}

static uint8_t record[RECORD_SIZE];

enum ifl_status tls_write_pieces(struct tls *tls, const struct bytes *pieces, size_t piece_count, size_t *taken)
{
    size_t size = 0;
    for (size_t i = 0; i < piece_count; i++) {
        struct bytes part = bytes_head(pieces[i], sizeof record - size);
        memcpy(record + size, part.data, part.size);
        size += part.size;
    }
    return tls_write(tls, bytes_of(record, size), taken);
}

/* What net doesn't take of a record that was built here has to wait here: so room is given only where all of it will be taken. */
enum ifl_status tls_record_begin(struct tls *tls, uint8_t **room, size_t *size)
{
    if (tls->state != TLS_OPEN)
        return tls->status == IFL_OK ? IFL_INVALID : tls->status;
    enum ifl_status status = link_room(tls->net.link, size);
    if (status != IFL_OK)
        return status == IFL_AGAIN ? status : fail(tls, status);
    *size = *size < sizeof record ? *size : sizeof record;
    *room = record;
    return IFL_OK;
}

enum ifl_status tls_record_send(struct tls *tls, size_t size)
{
    size_t taken = 0;
    enum ifl_status status = tls_write(tls, bytes_of(record, size), &taken);
    return status == IFL_OK && taken < size ? fail(tls, IFL_TLS_INTERNAL) : status;
}

bool tls_write_done(const struct tls *tls)
{
    (void)tls;
    return true;
}

enum ifl_status tls_read(struct tls *tls, void *buf, size_t size, size_t *got)
{
    if (tls->state != TLS_OPEN)
        return tls->status == IFL_OK ? IFL_CLOSED : tls->status;
    bool late = false;
    enum ifl_status fate = link_tls_fate(tls->net.link, &late);
    if (late && fate != IFL_OK)
        return fail(tls, fate);
    enum ifl_status status = net_receive(&tls->net, buf, size, got);
    count(tls);
    if (status == IFL_OK)
        tls->facts.application_data_seen = true;
    return status == IFL_OK || status == IFL_AGAIN || status == IFL_CLOSED ? status : fail(tls, status);
}

void tls_close(struct tls *tls)
{
    net_close(&tls->net);
    tls->state = TLS_IDLE;
}

void tls_forget_session(struct tls *tls)
{
    tls->session.size = 0;
}

bool tls_has_session(const struct tls *tls)
{
    return tls->session.size > 0;
}
