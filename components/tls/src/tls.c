/* IDLE ─► CONNECTING ─► HANDSHAKE ─► OPEN            any state ─► tls_close() ─► IDLE
 *             │             │          │
 *             └─────────────┴──────────┴─► FAILED (status; mbedTLS's memory is free again)
 *
 * Inside of HANDSHAKE mbedTLS goes on by one message a step; at some of them something is done here (see shake()):
 *   CERTIFICATE_REQUEST   note whether the server asked for our certificate
 *   SERVER_CERTIFICATE    the chain is verified: free all but the leaf
 *   SERVER_KEY_EXCHANGE   (1.3: CERTIFICATE_VERIFY) the server's signature is verified: free the leaf
 *   CLIENT_CERTIFICATE    read our own certificates, send them, free them
 *   CERTIFICATE_VERIFY    (1.3: CLIENT_CERTIFICATE_VERIFY) read and parse the private key, sign, wipe it */
#include "tls/tls.h"

#include <string.h>

#include <psa/crypto.h>

#include "engine.h"
#include "platform.h"

#define STORAGE_POLL_MS 5
#define READ_ROUNDS_MAX 32 /* records without data (tickets, empty ones) in one call */

enum ifl_status tls_setup(struct tls_context *context)
{
    static struct tls_faults faults; /* stays bound until the first connection binds its own */
    unsigned char probe = 0;
    faults = (struct tls_faults){0};
    platform_bind(context, &faults, 0);
    if (platform_random(NULL, &probe, sizeof probe) != 0) {
        return IFL_NO_ENTROPY;
    }
    if (psa_crypto_init() == PSA_SUCCESS) {
        return IFL_OK;
    }
    if (faults.no_entropy) {
        return IFL_NO_ENTROPY;
    }
    return faults.no_memory ? IFL_NO_MEMORY : IFL_TLS_INTERNAL;
}

void tls_init(struct tls *tls, struct tls_context *context)
{
    memset(tls, 0, sizeof *tls);
    tls->context = context;
    context->connection_count = context->connection_count == UINT8_MAX ? 1 : (uint8_t)(context->connection_count + 1);
    tls->owner = context->connection_count;
    tls->state = TLS_IDLE;
    net_init(&tls->net);
}

static void count_bytes(struct tls *tls)
{
    tls->facts.bytes_sent = tls->sent_before + tls->net.sent_count;
    tls->facts.bytes_received = tls->received_before + tls->net.received_count;
}

static enum ifl_status fail(struct tls *tls, enum ifl_status status)
{
    if (tls->offered && !tls->facts.application_data_seen && status != IFL_CLOSED) {
        tls_forget_session(tls); /* it may be the reason */
    }
    count_bytes(tls);
    engine_close(tls);
    net_close(&tls->net);
    tls->state = TLS_FAILED;
    tls->status = status;
    return status;
}

/* The name that is verified and that the session belongs to. */
static enum ifl_status remember_peer(struct tls *tls, const char *host, uint16_t port)
{
    size_t len = strlen(host);
    if (len == 0 || len >= sizeof tls->host) {
        return IFL_INVALID;
    }
    if (strcmp(tls->host, host) != 0 || tls->port != port) {
        tls_forget_session(tls);
        memcpy(tls->host, host, len + 1);
        tls->port = port;
    }
    return IFL_OK;
}

enum ifl_status tls_open(struct tls *tls, const char *host, uint16_t port, const char *address,
                         const struct net_proxy *proxy, bool fresh, uint32_t timeout_ms, ifl_ms now)
{
    tls_close(tls);
    tls->context->now = now;
    tls->facts = (struct tls_facts){0};
    tls->status = IFL_OK;
    tls->offered = tls->only_1_2 = false;
    tls->sent_before = tls->received_before = 0;
    tls->deadline = ifl_ms_after(now, timeout_ms);
    tls->faults = (struct tls_faults){0};
    enum ifl_status status = remember_peer(tls, host, port);
    if (fresh) {
        tls_forget_session(tls);
    }
    if (status == IFL_OK) {
        status =
            net_open(&tls->net, address != NULL && address[0] != '\0' ? address : host, port, proxy, timeout_ms, now);
    }
    if (status != IFL_OK) {
        return fail(tls, status);
    }
    tls->state = TLS_CONNECTING;
    return IFL_OK;
}

/* ---- The handshake ----------------------------------------------------------------------------------------------- */

static int handshake_state(const struct tls *tls)
{
    return tls->engine->ssl.MBEDTLS_PRIVATE(state);
}

/* In TLS 1.3 CERTIFICATE_VERIFY is the server's. */
static bool signs_now(const struct tls *tls, int state)
{
    return state ==
           (tls->facts.version == 0x0303 ? MBEDTLS_SSL_CERTIFICATE_VERIFY : MBEDTLS_SSL_CLIENT_CERTIFICATE_VERIFY);
}

static bool is_past_server_signature(const struct tls *tls, int state)
{
    return state == (tls->facts.version == 0x0303 ? MBEDTLS_SSL_SERVER_KEY_EXCHANGE : MBEDTLS_SSL_CERTIFICATE_VERIFY);
}

/* While one of these is written the record buffer must not hold anything unread. */
static bool begins_to_write(int state)
{
    return state == MBEDTLS_SSL_CLIENT_CERTIFICATE || state == MBEDTLS_SSL_CLIENT_CHANGE_CIPHER_SPEC ||
           state == MBEDTLS_SSL_CLIENT_FINISHED;
}

static int before_message(struct tls *tls, int state)
{
    if (begins_to_write(state) && memory_is_unread(tls->engine)) {
        return MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE;
    }
    bool present = tls->facts.certificate_requested && own_exists(tls);
    if (state == MBEDTLS_SSL_CLIENT_CERTIFICATE) {
        return present ? own_load_chain(tls) : 0;
    }
    return signs_now(tls, state) && present ? own_load_key(tls) : 0;
}

/* Whatever came out of the step: what it has used for a moment only isn't kept. */
static int clean_up(struct tls *tls, int error)
{
    struct tls_engine *engine = tls->engine;
    own_free_chain(tls);
    own_free_key(tls);
    memory_trim_certificates(engine);
    engine->verifying = false;
    if (memory_take_back(engine)) {
        return error;
    }
    tls->faults.no_memory = true; /* mbedTLS has kept something that was lent to it */
    return MBEDTLS_ERR_SSL_ALLOC_FAILED;
}

static void after_message(struct tls *tls, int state)
{
    const mbedtls_ssl_context *ssl = &tls->engine->ssl;
    if (state == handshake_state(tls)) {
        return; /* it wasn't complete */
    }
    if (state == MBEDTLS_SSL_SERVER_HELLO) {
        tls->facts.version = (uint16_t)mbedtls_ssl_get_version_number(ssl);
    }
    if (state == MBEDTLS_SSL_SERVER_CERTIFICATE) {
        memory_keep_leaf(tls->engine);
    }
    if (is_past_server_signature(tls, state)) {
        memory_free_certificates(tls->engine);
    }
    if (state == MBEDTLS_SSL_CERTIFICATE_REQUEST) {
        tls->facts.certificate_requested = ssl->MBEDTLS_PRIVATE(in_msg)[0] == MBEDTLS_SSL_HS_CERTIFICATE_REQUEST;
    }
    if (state == MBEDTLS_SSL_CLIENT_CERTIFICATE) {
        tls->engine->answered = tls->facts.certificate_requested;
    }
    if (signs_now(tls, state)) {
        tls->facts.certificate_sent = tls->facts.certificate_requested && own_exists(tls);
    }
}

static void finish_handshake(struct tls *tls)
{
    const mbedtls_ssl_session *session = tls->engine->ssl.MBEDTLS_PRIVATE(session);
    tls->facts.resumed = !tls->engine->verified;
    tls->offered = tls->facts.resumed;
    tls->facts.server_verified = true;
    if (tls->facts.resumed) {
        tls->facts.server_not_after = tls->session.server_not_after;
    }
    if (tls->facts.version == 0x0303 && !tls->facts.resumed) {
        if (session->MBEDTLS_PRIVATE(id_len) > 0) {
            session_keep(tls);
        } else {
            tls_forget_session(tls);
        }
    }
    tls->state = TLS_OPEN;
}

/* A server that takes the signature in its own order of preference answers our offer of both versions with TLS 1.2
 * and PSS, as it may (RFC 8446 section 4.2.3), and mbedTLS 3.6 refuses that. */
static bool wants_pss_in_1_2(const struct tls *tls, int state, int error)
{
    return state == MBEDTLS_SSL_SERVER_KEY_EXCHANGE && error == MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER && !tls->only_1_2 &&
           tls->context->version == TLS_AUTO && tls->facts.version == 0x0303 && !tls->faults.no_memory;
}

/* Once more from the beginning, offering TLS 1.2 alone, which leaves PSS out. Nothing above TLS has been sent yet.
 * The next tls_open() offers both again. */
static enum ifl_status start_over(struct tls *tls)
{
    const struct net_proxy *proxy = tls->net.proxy;
    ifl_ms now = tls->context->now;
    uint64_t left_ms = tls->deadline > now ? tls->deadline - now : 0;
    count_bytes(tls);
    tls->sent_before = tls->facts.bytes_sent;
    tls->received_before = tls->facts.bytes_received;
    engine_close(tls);
    net_close(&tls->net);
    tls->facts = (struct tls_facts){0};
    tls->only_1_2 = true;
    tls->state = TLS_CONNECTING;
    enum ifl_status status = net_open(&tls->net, tls->net.host, tls->net.port, proxy, left_ms, now);
    return status == IFL_OK ? IFL_OK : fail(tls, status);
}

/* One message of the handshake. OK: one more may be possible at once; AGAIN: wait for the network; else it has failed. */
static enum ifl_status shake(struct tls *tls)
{
    struct tls_engine *engine = tls->engine;
    int state = handshake_state(tls);
    engine->blocked = engine->unread = false;
    engine->reads = 0;
    platform_borrow(memory_spare, tls);
    int error = before_message(tls, state);
    if (error == 0) {
        error = mbedtls_ssl_handshake_step(&engine->ssl);
        after_message(tls, state);
    }
    error = clean_up(tls, error);
    if (error == MBEDTLS_ERR_SSL_WANT_READ || error == MBEDTLS_ERR_SSL_WANT_WRITE) {
        return engine->blocked ? IFL_AGAIN : IFL_OK;
    }
    if (wants_pss_in_1_2(tls, state, error)) {
        return start_over(tls);
    }
    if (error != 0) {
        return fail(tls, fault_status(tls, error));
    }
    if (!mbedtls_ssl_is_handshake_over(&engine->ssl)) {
        return IFL_OK;
    }
    enum ifl_status status = memory_own_buffer(engine);
    if (status != IFL_OK) {
        return fail(tls, status);
    }
    finish_handshake(tls);
    return IFL_OK;
}

static ifl_ms step_connecting(struct tls *tls, ifl_ms now)
{
    ifl_ms wish = net_step(&tls->net, now);
    if (tls->net.state == NET_FAILED) {
        fail(tls, tls->net.status);
        return now;
    }
    if (tls->net.state != NET_OPEN) {
        return ifl_ms_min(wish, tls->deadline);
    }
    enum ifl_status status = engine_open(tls);
    if (status != IFL_OK) {
        fail(tls, status);
        return now;
    }
    tls->state = TLS_HANDSHAKE;
    return now;
}

/* A root, our certificates or the key are read in the next message, and can't be read now. */
static bool must_wait_for_storage(const struct tls *tls)
{
    int state = handshake_state(tls);
    bool reads =
        state == MBEDTLS_SSL_SERVER_CERTIFICATE || state == MBEDTLS_SSL_CLIENT_CERTIFICATE || signs_now(tls, state);
    return reads && tls->context->storage_is_busy != NULL && tls->context->storage_is_busy(tls->context->storage_ctx);
}

static ifl_ms step_handshake(struct tls *tls, ifl_ms now)
{
    ifl_ms wish = net_step(&tls->net, now);
    bool wait = must_wait_for_storage(tls);
    enum ifl_status status = wait ? IFL_AGAIN : shake(tls);
    if (wait) {
        wish = ifl_ms_min(wish, ifl_ms_after(now, STORAGE_POLL_MS));
    } else if (status == IFL_AGAIN && tls->engine->unread) {
        wish = now;
    }
    if (status == IFL_AGAIN && now >= tls->deadline) {
        fail(tls, IFL_NET_TIMEOUT);
        return now;
    }
    return status == IFL_AGAIN ? ifl_ms_min(wish, tls->deadline) : now;
}

/* ---- Sending and receiving --------------------------------------------------------------------------------------- */

static bool record_waits(const struct tls *tls)
{
    return tls->engine->ssl.MBEDTLS_PRIVATE(out_left) > 0;
}

/* One call of mbedtls_ssl_read(), until it's about data or the network: tickets are kept. */
static int read_some(struct tls *tls, void *buf, size_t size)
{
    struct tls_engine *engine = tls->engine;
    engine->reads = 0;
    for (int i = 0; i < READ_ROUNDS_MAX; i++) {
        engine->blocked = false;
        int result = mbedtls_ssl_read(&engine->ssl, buf, size);
        if (result == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
            session_keep(tls);
        } else if (engine->blocked || (result != MBEDTLS_ERR_SSL_WANT_READ && result != MBEDTLS_ERR_SSL_WANT_WRITE)) {
            return result;
        }
    }
    engine->unread = true;
    return MBEDTLS_ERR_SSL_WANT_READ;
}

/* Whether sending still works. If not, the other side may have said why before it went away: by an alert, or an
 * answer, which tls_read() can still fetch. */
static enum ifl_status after_sending(struct tls *tls)
{
    if (tls->engine->write_status == IFL_OK) {
        return IFL_OK;
    }
    int pending = read_some(tls, NULL, 0);
    if (pending == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE) {
        return fail(tls, fault_status(tls, pending));
    }
    return tls->engine->write_status;
}

/* Push out what waits of a record. AGAIN: TCP doesn't take it all. */
static enum ifl_status flush(struct tls *tls)
{
    if (tls->engine->write_status != IFL_OK) {
        return tls->engine->write_status;
    }
    if (!record_waits(tls)) {
        return IFL_OK;
    }
    /* While a record waits, mbedtls_ssl_write() only goes on with it, whatever it's given. */
    int error = mbedtls_ssl_write(&tls->engine->ssl, tls->engine->ssl.MBEDTLS_PRIVATE(out_msg), 1);
    if (error == MBEDTLS_ERR_SSL_WANT_WRITE) {
        return IFL_AGAIN;
    }
    return error < 0 ? fail(tls, fault_status(tls, error)) : after_sending(tls);
}

static enum ifl_status not_open(const struct tls *tls)
{
    switch (tls->state) {
    case TLS_CONNECTING:
    case TLS_HANDSHAKE:
        return IFL_AGAIN;
    case TLS_FAILED:
        return tls->status;
    default:
        return IFL_CLOSED;
    }
}

ifl_ms tls_step(struct tls *tls, ifl_ms now)
{
    ifl_ms wish = IFL_NEVER;
    tls->context->now = now;
    platform_bind(tls->context, &tls->faults, tls->owner);
    switch (tls->state) {
    case TLS_CONNECTING:
        wish = step_connecting(tls, now);
        break;
    case TLS_HANDSHAKE:
        wish = step_handshake(tls, now);
        break;
    case TLS_OPEN:
        wish = tls->engine->unread ? now : net_step(&tls->net, now);
        flush(tls);
        break;
    case TLS_IDLE:
    case TLS_FAILED:
        return IFL_NEVER;
    }
    count_bytes(tls);
    return wish;
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

/* Bytes of plaintext that a record takes; 0: mbedTLS can't say. */
static size_t record_limit(const struct tls *tls)
{
    int limit = mbedtls_ssl_get_max_out_record_payload(&tls->engine->ssl);
    return limit <= 0 ? 0 : limit < IFL_TLS_RECORD_SIZE ? (size_t)limit : IFL_TLS_RECORD_SIZE;
}

enum ifl_status tls_record_begin(struct tls *tls, uint8_t **room, size_t *size)
{
    *size = 0;
    if (tls->state != TLS_OPEN) {
        return not_open(tls);
    }
    platform_bind(tls->context, &tls->faults, tls->owner);
    enum ifl_status status = flush(tls);
    if (status != IFL_OK) {
        return status;
    }
    if (record_limit(tls) == 0) {
        return fail(tls, IFL_TLS_INTERNAL);
    }
    *room = tls->engine->ssl.MBEDTLS_PRIVATE(out_msg);
    *size = record_limit(tls);
    return IFL_OK;
}

enum ifl_status tls_record_send(struct tls *tls, size_t size)
{
    if (tls->state != TLS_OPEN) {
        return not_open(tls);
    }
    platform_bind(tls->context, &tls->faults, tls->owner);
    if (size == 0 || size > record_limit(tls) || record_waits(tls)) {
        return IFL_INVALID;
    }
    /* mbedTLS would copy the plaintext to out_msg, where it is already. */
    int error = mbedtls_ssl_write(&tls->engine->ssl, tls->engine->ssl.MBEDTLS_PRIVATE(out_msg), size);
    count_bytes(tls);
    if (error < 0 && error != MBEDTLS_ERR_SSL_WANT_WRITE) { /* what TCP didn't take waits in the record */
        return fail(tls, fault_status(tls, error));
    }
    return after_sending(tls);
}

enum ifl_status tls_write_pieces(struct tls *tls, const struct bytes *pieces, size_t count, size_t *taken)
{
    uint8_t *room = NULL;
    size_t size = 0, len = 0;
    *taken = 0;
    enum ifl_status status = tls_record_begin(tls, &room, &size);
    if (status != IFL_OK) {
        return status;
    }
    for (size_t i = 0; i < count && len < size; i++) {
        struct bytes piece = bytes_head(pieces[i], size - len);
        if (piece.size > 0) {
            memcpy(room + len, piece.data, piece.size);
            len += piece.size;
        }
    }
    status = tls_record_send(tls, len);
    *taken = status == IFL_OK ? len : 0;
    return status;
}

enum ifl_status tls_write(struct tls *tls, struct bytes data, size_t *taken)
{
    return tls_write_pieces(tls, &data, 1, taken);
}

bool tls_write_done(const struct tls *tls)
{
    return tls->state != TLS_OPEN || !record_waits(tls);
}

static enum ifl_status reading_ended(struct tls *tls, int error)
{
    bool orderly = error == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY ||
                   ((error == 0 || error == MBEDTLS_ERR_SSL_CONN_EOF) && tls->engine->wire_status == IFL_CLOSED);
    if (orderly) {
        return fail(tls, IFL_CLOSED);
    }
    enum ifl_status status = fault_status(tls, error);
    if (status == IFL_NO_MEMORY) {
        tls->no_tickets = true; /* they are all that needs memory at this point */
    }
    return fail(tls, status);
}

enum ifl_status tls_read(struct tls *tls, void *buf, size_t size, size_t *got)
{
    *got = 0;
    if (tls->state != TLS_OPEN) {
        return not_open(tls);
    }
    platform_bind(tls->context, &tls->faults, tls->owner);
    tls->engine->unread = false;
    int result = size > 0 ? read_some(tls, buf, size) : MBEDTLS_ERR_SSL_WANT_READ;
    count_bytes(tls);
    if (result > 0) {
        tls->facts.application_data_seen = true;
        *got = (size_t)result;
        return IFL_OK;
    }
    bool wait = result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE;
    return wait ? IFL_AGAIN : reading_ended(tls, result);
}

void tls_close(struct tls *tls)
{
    platform_bind(tls->context, &tls->faults, tls->owner);
    if (tls->state == TLS_OPEN && tls->engine->write_status == IFL_OK) {
        mbedtls_ssl_close_notify(&tls->engine->ssl); /* if it goes out at once, good; nobody waits for it */
        count_bytes(tls);
    }
    engine_close(tls);
    net_close(&tls->net);
    tls->state = TLS_IDLE;
}
