#include "peer.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "net/link.h"

struct peer peer;

/* ---- The server -------------------------------------------------------------------------------------------------- */

static int judge_client(X509_STORE_CTX *store, void *unused)
{
    (void)unused;
    peer.client_chain_count = sk_X509_num(X509_STORE_CTX_get0_untrusted(store));
    if (peer.client_verdict != X509_V_OK) {
        X509_STORE_CTX_set_error(store, peer.client_verdict);
        return 0;
    }
    return X509_verify_cert(store);
}

static int note_sni(SSL *ssl, int *alert, void *unused)
{
    (void)alert;
    (void)unused;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    strncpy(peer.sni, name != NULL ? name : "", sizeof peer.sni - 1);
    return SSL_TLSEXT_ERR_OK;
}

static const uint8_t *padding;
static size_t padding_size;

static int pad_ticket(SSL *ssl, void *unused)
{
    (void)unused;
    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), padding, padding_size);
}

static SSL_TICKET_RETURN take_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t name_size,
                                     SSL_TICKET_STATUS status, void *unused)
{
    (void)ssl;
    (void)session;
    (void)name;
    (void)name_size;
    (void)unused;
    bool good = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
    return good ? SSL_TICKET_RETURN_USE_RENEW : SSL_TICKET_RETURN_IGNORE;
}

/* Names as long as those of public CAs: 83 of them make a CertificateRequest of 13 KB. */
static void add_ca_names(SSL_CTX *ctx, unsigned count)
{
    STACK_OF(X509_NAME) *list = sk_X509_NAME_new_null();
    for (unsigned i = 0; i < count; i++) {
        unsigned char name[60];
        memset(name, 'x', sizeof name);
        name[0] = (unsigned char)('A' + i % 26);
        name[1] = (unsigned char)('A' + i / 26);
        X509_NAME *dn = X509_NAME_new();
        X509_NAME_add_entry_by_txt(dn, "O", MBSTRING_ASC, name, sizeof name, -1, 0);
        X509_NAME_add_entry_by_txt(dn, "CN", MBSTRING_ASC, name, sizeof name, -1, 0);
        sk_X509_NAME_push(list, dn);
    }
    SSL_CTX_set_client_CA_list(ctx, list);
}

static void ask_for_client(SSL_CTX *ctx, const struct peer_options *options)
{
    X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), options->client_root->x509);
    X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(ctx), PKI_NOW);
    SSL_CTX_set_cert_verify_callback(ctx, judge_client, NULL);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (options->client_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
    add_ca_names(ctx, options->ca_name_count);
}

void peer_start(const struct peer_options *options)
{
    static uint8_t zeros[20000];
    peer_stop();
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_security_level(ctx, 0); /* weak certificates are for the client to refuse */
    SSL_CTX_set_min_proto_version(ctx, options->version);
    SSL_CTX_set_max_proto_version(ctx, options->version);
    SSL_CTX_use_certificate(ctx, options->chain[0]->x509);
    SSL_CTX_use_PrivateKey(ctx, options->chain[0]->key);
    for (size_t i = 1; i < options->chain_count; i++) {
        SSL_CTX_add1_chain_cert(ctx, options->chain[i]->x509);
    }
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"test", 4);
    SSL_CTX_set_session_cache_mode(ctx, options->no_resumption ? SSL_SESS_CACHE_OFF : SSL_SESS_CACHE_SERVER);
    if (options->no_resumption || (!options->tickets && options->version == TLS1_2_VERSION)) {
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    }
    if (options->no_resumption) {
        SSL_CTX_set_num_tickets(ctx, 0);
    }
    if (options->session_size > 0) {
        padding = zeros;
        padding_size = options->session_size;
        SSL_CTX_set_session_ticket_cb(ctx, pad_ticket, take_ticket, NULL);
    }
    SSL_CTX_set_options(ctx,
                        SSL_OP_IGNORE_UNEXPECTED_EOF | (options->own_preference ? SSL_OP_CIPHER_SERVER_PREFERENCE : 0));
    SSL_CTX_set_tlsext_servername_callback(ctx, note_sni);
    if (options->client_root != NULL) {
        ask_for_client(ctx, options);
    }
    peer.ctx = ctx;
    peer_reset();
}

void peer_reset(void)
{
    SSL_CTX *ctx = peer.ctx;
    SSL_free(peer.ssl);
    memset(&peer, 0, sizeof peer);
    peer.ctx = ctx;
    peer.chunk = PEER_NEVER;
    peer.cut_down = peer.cut_up = PEER_NEVER;
    peer.cut_status = IFL_CLOSED;
    peer.flip_at = PEER_NEVER;
}

void peer_stop(void)
{
    SSL_free(peer.ssl);
    SSL_CTX_free(peer.ctx);
    memset(&peer, 0, sizeof peer);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void put(const void *data, size_t size)
{
    if (size > sizeof peer.queue - peer.queue_end) {
        abort();
    }
    memcpy(peer.queue + peer.queue_end, data, size);
    peer.queue_end += size;
}

#define RECORD_HEADER_SIZE 5u
#define RECORD_SIZE_MAX 16384u
#define RECORD_HANDSHAKE 22

/* The payload of these handshake records in as few records as possible. */
static void put_packed(const uint8_t *header, const uint8_t *payload, size_t size)
{
    while (size > 0) {
        size_t len = smaller(size, RECORD_SIZE_MAX);
        uint8_t packed[RECORD_HEADER_SIZE] = {header[0], header[1], header[2], (uint8_t)(len >> 8), (uint8_t)len};
        put(packed, sizeof packed);
        put(payload, len);
        payload += len;
        size -= len;
    }
}

/* Whole records, as OpenSSL writes them; behind ChangeCipherSpec they are encrypted and stay as they are. */
static void pack(const uint8_t *data, size_t size)
{
    static uint8_t payload[sizeof peer.queue];
    const uint8_t *first = data;
    size_t len = 0;
    while (size >= RECORD_HEADER_SIZE && data[0] == RECORD_HANDSHAKE) {
        size_t one = (size_t)data[3] << 8 | data[4];
        memcpy(payload + len, data + RECORD_HEADER_SIZE, one);
        len += one;
        data += RECORD_HEADER_SIZE + one;
        size -= RECORD_HEADER_SIZE + one;
    }
    put_packed(first, payload, len);
    put(data, size);
}

static void drain_server(void)
{
    static uint8_t buf[sizeof peer.queue];
    int got = 0;
    while ((got = BIO_read(peer.out, buf, sizeof buf)) > 0) {
        if (peer.packed) {
            pack(buf, (size_t)got);
        } else {
            put(buf, (size_t)got);
        }
    }
}

static void answer(void)
{
    if (peer.reply != NULL) {
        SSL_write(peer.ssl, peer.reply, (int)strlen(peer.reply));
        peer.reply = NULL;
        if (peer.reply_then_close) {
            SSL_shutdown(peer.ssl);
        }
    }
}

/* Let the server do what it can with what it has got. */
static void run_server(void)
{
    int result = SSL_is_init_finished(peer.ssl) ? 1 : SSL_do_handshake(peer.ssl);
    if (result == 1 && !peer.counted) {
        peer.counted = true;
        peer.handshakes++;
        peer.resumptions += SSL_session_reused(peer.ssl) ? 1u : 0u;
    }
    while (result == 1) {
        char buf[4096];
        int got = SSL_read(peer.ssl, buf, sizeof buf);
        if (got <= 0) {
            result = got;
            break;
        }
        size_t room = sizeof peer.request - peer.request_size;
        memcpy(peer.request + peer.request_size, buf, (size_t)got < room ? (size_t)got : room);
        peer.request_size += (size_t)got < room ? (size_t)got : room;
        if (peer.drop_after_handshake) {
            peer.cut_down = peer.down;
            peer.ended = true;
            return;
        }
        answer();
    }
    int error = SSL_get_error(peer.ssl, result);
    peer.ended = peer.ended || (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE);
    ERR_clear_error();
    drain_server();
}

void peer_send(const void *data, size_t size)
{
    SSL_write(peer.ssl, data, (int)size);
    drain_server();
}

void peer_close_notify(void)
{
    SSL_shutdown(peer.ssl);
    drain_server();
}

void peer_key_update(void)
{
    SSL_key_update(peer.ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
    SSL_do_handshake(peer.ssl);
    drain_server();
}

void peer_renegotiate(void)
{
    SSL_renegotiate(peer.ssl);
    SSL_do_handshake(peer.ssl);
    drain_server();
}

/* ---- net/link.h -------------------------------------------------------------------------------------------------- */

enum ifl_status net_link_open(const char *host, uint16_t port, int *link)
{
    (void)host;
    (void)port;
    *link = NET_LINK_NONE;
    if (peer.ctx == NULL || peer.open) {
        return IFL_NO_MEMORY;
    }
    peer.ssl = SSL_new(peer.ctx);
    peer.in = BIO_new(BIO_s_mem());
    peer.out = BIO_new(BIO_s_mem());
    SSL_set_bio(peer.ssl, peer.in, peer.out);
    SSL_set_accept_state(peer.ssl);
    peer.open = true;
    peer.ended = peer.counted = false;
    peer.up = peer.down = peer.up_record_count = peer.scripted = 0;
    peer.queue_start = peer.queue_end = 0;
    peer.request_size = 0;
    peer.client_chain_count = -1;
    peer.connections++;
    *link = 0;
    return IFL_OK;
}

enum ifl_status net_link_state(int link)
{
    return link == 0 && peer.open ? IFL_OK : IFL_INVALID;
}

static bool is_stubborn(void)
{
    peer.flip_flop = !peer.flip_flop;
    return peer.stubborn && peer.flip_flop;
}

static void put_alert(void)
{
    const uint8_t record[] = {21, 3, 3, 0, 2, 2, peer.alert};
    put(record, sizeof record);
    peer.ended = true;
}

enum ifl_status net_link_send(int link, struct bytes data, size_t *sent)
{
    *sent = 0;
    if (link != 0 || !peer.open) {
        return IFL_INVALID;
    }
    if (peer.up >= peer.cut_up || peer.deaf) {
        return IFL_NET_RESET;
    }
    if (is_stubborn()) {
        return IFL_AGAIN;
    }
    size_t size = smaller(smaller(data.size, peer.chunk), peer.cut_up - peer.up);
    bool first = peer.up == 0;
    *sent = size;
    peer.up += size;
    if (peer.ended || peer.silent) {
        return IFL_OK;
    }
    if (peer.script != NULL) {
        put(peer.script, first ? peer.script_size : 0);
        peer.ended = true;
        return IFL_OK;
    }
    bool hello_answered = peer.queue_end > 0;
    if (peer.alert_at == PEER_MOMENT_HELLO || (peer.alert_at == PEER_MOMENT_CLIENT_CERTIFICATE && hello_answered)) {
        put_alert();
        return IFL_OK;
    }
    BIO_write(peer.in, data.data, (int)size);
    run_server();
    return IFL_OK;
}

enum ifl_status net_link_receive(int link, void *buf, size_t size, size_t *got)
{
    *got = 0;
    if (link != 0 || !peer.open) {
        return IFL_INVALID;
    }
    if (peer.down >= peer.cut_down || peer.up >= peer.cut_up) {
        return peer.cut_status;
    }
    if (peer.queue_end == peer.queue_start && peer.flood != NULL && peer.up > 0) {
        peer.queue_start = peer.queue_end = 0;
        put(peer.flood, peer.flood_size);
    }
    size_t there = peer.queue_end - peer.queue_start;
    if (there == 0) {
        return peer.ended ? IFL_CLOSED : IFL_AGAIN;
    }
    if (is_stubborn()) {
        return IFL_AGAIN;
    }
    size = smaller(smaller(smaller(size, peer.chunk), there), peer.cut_down - peer.down);
    memcpy(buf, peer.queue + peer.queue_start, size);
    if (peer.flip_at >= peer.down && peer.flip_at < peer.down + size) {
        ((uint8_t *)buf)[peer.flip_at - peer.down] ^= peer.flip;
    }
    peer.queue_start += size;
    peer.down += size;
    *got = size;
    return IFL_OK;
}

void net_link_close(int link)
{
    if (link == 0 && peer.open) {
        /* An orderly end for the server's cache: OpenSSL drops a session whose connection failed. */
        SSL_set_shutdown(peer.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(peer.ssl);
        peer.ssl = NULL;
        peer.open = false;
    }
}

ifl_ms net_link_step(ifl_ms now)
{
    (void)now;
    return IFL_NEVER;
}
