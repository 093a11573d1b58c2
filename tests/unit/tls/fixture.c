#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <psa/crypto.h>
#include <unity.h>

#include "tls/certificate.h"

struct fixture client;
struct fixture_certificates pki;

static uint8_t arena_buf[FIXTURE_ARENA_SIZE];
static uint8_t rsa_key_der[2048], ec_key_der[256];
static struct bytes rsa_key, ec_key;

/* Good enough for a test: every run is the same. */
static enum ifl_status fill_random(void *ctx, void *buf, size_t size)
{
    static uint64_t state = 0x9E3779B97F4A7C15u;
    const struct fixture *self = ctx;
    uint8_t *out = buf;
    for (size_t i = 0; i < size; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out[i] = self->no_random ? 0 : (uint8_t)(state >> 32);
    }
    return self->no_random ? IFL_NO_ENTROPY : IFL_OK;
}

static enum ifl_status find_root(void *ctx, struct bytes subject, unsigned index, void *buf, size_t buf_size,
                                 size_t *size)
{
    const struct fixture *self = ctx;
    if (self->trust_status != IFL_OK) {
        return self->trust_status;
    }
    for (size_t i = 0; i < self->trusted_count; i++) {
        struct bytes name;
        if (tls_certificate_names(pki_der(self->trusted[i]), NULL, &name) == IFL_OK && bytes_equal(name, subject) &&
            index-- == 0) {
            *size = pki_der(self->trusted[i]).size;
            if (*size > buf_size) {
                return IFL_TOO_LARGE;
            }
            memcpy(buf, pki_der(self->trusted[i]).data, *size);
            return IFL_OK;
        }
    }
    return IFL_END;
}

static void issue(struct pki_certificate *out, const char *name, const struct pki_certificate *issuer, EVP_PKEY *key)
{
    pki_issue(out, &(struct pki_request){.name = name, .issuer = issuer, .key = key, .ca = true});
}

static void issue_leaf(struct pki_certificate *out, const char *name, const char *host,
                       const struct pki_certificate *issuer, EVP_PKEY *key)
{
    pki_issue(out, &(struct pki_request){.name = name,
                                         .host = host,
                                         .issuer = issuer,
                                         .key = key,
                                         .usage = host != NULL ? "serverAuth" : "clientAuth"});
}

static void make_certificates(void)
{
    issue(&pki.root_rsa, "Root R", NULL, pki_key(PKI_RSA_4096, 0));
    issue(&pki.root_ec, "Root E", NULL, pki_key(PKI_P384, 0));
    issue(&pki.issuer_rsa, "Issuer R", &pki.root_rsa, pki_key(PKI_RSA_2048, 1));
    issue(&pki.issuer_ec, "Issuer E", &pki.root_ec, pki_key(PKI_P384, 1));
    issue(&pki.client_issuer, "Client Issuer", &pki.root_rsa, pki_key(PKI_RSA_2048, 2));
    issue_leaf(&pki.server_rsa, PKI_HOST, PKI_HOST, &pki.issuer_rsa, pki_key(PKI_RSA_2048, 0));
    issue_leaf(&pki.server_ec, PKI_HOST, PKI_HOST, &pki.issuer_ec, pki_key(PKI_P256, 0));
    issue_leaf(&pki.client_rsa, "client", NULL, &pki.client_issuer, pki_key(PKI_RSA_2048, 3));
    issue_leaf(&pki.client_ec, "client", NULL, &pki.root_ec, pki_key(PKI_P256, 1));
    rsa_key = pki_key_der(pki.client_rsa.key, rsa_key_der, sizeof rsa_key_der);
    ec_key = pki_key_der(pki.client_ec.key, ec_key_der, sizeof ec_key_der);
}

void fixture_start(void)
{
    if (pki.root_rsa.x509 == NULL) {
        make_certificates();
    }
    memset(&client, 0, sizeof client);
    client.now = 1000;
    arena_init(&client.arena, arena_buf, sizeof arena_buf);
    clock_init(&client.clock, PKI_NOW - 300 * (int64_t)PKI_DAY, client.now);
    clock_set(&client.clock, PKI_NOW, CLOCK_RTC, 0, client.now);
    client.trusted[client.trusted_count++] = &pki.root_rsa;
    client.trusted[client.trusted_count++] = &pki.root_ec;
    client.context = (struct tls_context){
        .arena = &client.arena,
        .random = {fill_random, &client},
        .clock = &client.clock,
        .trust = {find_root, &client},
        .identity_generation = 1,
    };
    use_rsa_identity();
    TEST_ASSERT_EQUAL(IFL_OK, tls_setup(&client.context));
    tls_init(&client.tls, &client.context);
}

void fixture_stop(void)
{
    client.arena.fail_after = 0;
    tls_close(&client.tls);
    mbedtls_psa_stats_t psa;
    mbedtls_psa_get_stats(&psa);
    TEST_ASSERT_EQUAL_MESSAGE(0, psa.MBEDTLS_PRIVATE(volatile_slots), "keys are left in PSA");
    TEST_ASSERT_TRUE_MESSAGE(arena_empty(&client.arena), "memory is left in the arena");
    peer_stop();
}

void fixture_free(void)
{
    struct pki_certificate *all = &pki.root_rsa;
    for (size_t i = 0; i < sizeof pki / sizeof *all; i++) {
        pki_free(&all[i]);
    }
    pki_free_keys();
}

void serve_rsa(int version)
{
    tls_forget_session(&client.tls);
    const struct pki_certificate *chain[] = {&pki.server_rsa, &pki.issuer_rsa};
    peer_start(&(struct peer_options){
        .version = version, .chain = chain, .chain_count = 2, .client_root = &pki.root_rsa, .client_required = true});
}

void serve_ec(int version)
{
    tls_forget_session(&client.tls);
    const struct pki_certificate *chain[] = {&pki.server_ec, &pki.issuer_ec};
    peer_start(&(struct peer_options){
        .version = version, .chain = chain, .chain_count = 2, .client_root = &pki.root_ec, .client_required = true});
}

void use_rsa_identity(void)
{
    client.identity = (struct identity){
        .kind = IDENTITY_CERTIFICATE,
        .chain_count = 3,
        .chain = {pki_der(&pki.client_rsa), pki_der(&pki.client_issuer), pki_der(&pki.root_rsa)},
        .key = rsa_key,
    };
    client.context.identity = &client.identity;
}

void use_ec_identity(void)
{
    client.identity = (struct identity){
        .kind = IDENTITY_CERTIFICATE,
        .chain_count = 2,
        .chain = {pki_der(&pki.client_ec), pki_der(&pki.root_ec)},
        .key = ec_key,
    };
    client.context.identity = &client.identity;
}

void use_no_identity(void)
{
    client.context.identity = NULL;
}

void settle(void)
{
    for (int idle = 0; idle < 4;) {
        size_t moved = peer.up + peer.down;
        enum tls_state state = tls_state(&client.tls);
        ifl_ms wish = tls_step(&client.tls, client.now);
        bool quiet = peer.up + peer.down == moved && tls_state(&client.tls) == state && wish > client.now;
        idle = quiet ? idle + 1 : 0;
        if (tls_state(&client.tls) == TLS_OPEN && tls_write_done(&client.tls)) {
            return;
        }
    }
}

enum ifl_status connect_to(const char *host)
{
    enum ifl_status status = tls_open(&client.tls, host, FIXTURE_PORT, "", NULL, false, 30000, client.now);
    if (status != IFL_OK) {
        return status;
    }
    settle();
    if (tls_state(&client.tls) == TLS_OPEN) {
        return IFL_OK;
    }
    return tls_state(&client.tls) == TLS_FAILED ? tls_status(&client.tls) : IFL_AGAIN;
}

enum ifl_status connect_now(void)
{
    return connect_to(PKI_HOST);
}

enum ifl_status write_all(const void *data, size_t size)
{
    struct bytes rest = bytes_of(data, size);
    while (rest.size > 0) {
        size_t taken = 0;
        enum ifl_status status = tls_write(&client.tls, rest, &taken);
        if (status != IFL_OK && status != IFL_AGAIN) {
            return status;
        }
        rest = bytes_tail(rest, taken);
        settle();
    }
    return IFL_OK;
}

enum ifl_status exchange(char *answer, size_t room, size_t *size)
{
    static const char request[] = "POST /http/plant HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";
    *size = 0;
    enum ifl_status status = write_all(request, sizeof request - 1);
    for (int idle = 0; idle < 8 && status == IFL_OK && *size < room;) {
        size_t got = 0;
        status = tls_read(&client.tls, answer + *size, room - *size, &got);
        *size += got;
        if (status == IFL_AGAIN) {
            idle++;
            status = IFL_OK;
        }
    }
    return status;
}

void figure(const char *name, uint64_t value)
{
    static bool begun;
    const char *dir = getenv("IFL_FIGURES_DIR");
    printf("%s = %llu\n", name, (unsigned long long)value);
    if (dir == NULL) {
        return;
    }
    char path[512];
    snprintf(path, sizeof path, "%s/tls.json", dir);
    FILE *file = fopen(path, begun ? "r+" : "w");
    if (file == NULL) {
        return;
    }
    if (begun) {
        fseek(file, -2, SEEK_END); /* over the last "}\n" */
    }
    fprintf(file, "%s\"%s\": %llu}\n", begun ? ", " : "{", name, (unsigned long long)value);
    fclose(file);
    begun = true;
}
