#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "identity/paste.h"
#include "unity.h"

struct identity fixture_identity;
struct service_key_report fixture_report;
uint8_t fixture_buf[32768];
struct arena fixture_arena;
size_t fixture_buf_size;
size_t fixture_arena_size;
bool fixture_entropy;

static uint8_t arena_bytes[FIXTURE_ARENA_SIZE];

/* Not random, and good enough to blind a signature in a test that must repeat. Each reading begins it anew: the same input, the same numbers. */
static uint32_t random_state = 1;

static enum ifl_status fill(void *ctx, void *buf, size_t size)
{
    uint8_t *at = buf;
    (void)ctx;
    for (size_t i = 0; i < size; i++) {
        random_state = random_state * 1664525u + 1013904223u;
        at[i] = fixture_entropy ? (uint8_t)(random_state >> 24) : 0;
    }
    return fixture_entropy ? IFL_OK : IFL_NO_ENTROPY;
}

struct ifl_random fixture_random = {.fill = fill};

void fixture_reset(void)
{
    fixture_buf_size = IFL_IDENTITY_SIZE_MAX < sizeof fixture_buf ? IFL_IDENTITY_SIZE_MAX : sizeof fixture_buf;
    fixture_arena_size = sizeof arena_bytes;
    fixture_entropy = true;
    arena_init(&fixture_arena, arena_bytes, sizeof arena_bytes);
}

/* Texts are kept for ever, in one chain. */
struct kept {
    struct kept *next;
    char bytes[];
};
static struct kept *all_kept;

static void *get_memory(size_t size)
{
    struct kept *kept = calloc(1, sizeof *kept + size);
    if (kept == NULL)
        abort();
    kept->next = all_kept;
    all_kept = kept;
    return kept->bytes;
}

struct bytes fixture_file(const char *name)
{
    static struct {
        char name[64];
        struct bytes content;
    } known[64];
    size_t i = 0;
    while (i < sizeof known / sizeof known[0] && known[i].name[0] != '\0' && strcmp(known[i].name, name) != 0)
        i++;
    TEST_ASSERT_LESS_THAN_MESSAGE(sizeof known / sizeof known[0], i, "more files than the fixture remembers");
    if (known[i].name[0] == '\0') {
        char path[512];
        const char *dir = getenv("IFL_TEST_KEYS");
        (void)snprintf(path, sizeof path, "%s/%s", dir == NULL ? "." : dir, name);
        FILE *file = fopen(path, "rb");
        TEST_ASSERT_NOT_NULL_MESSAGE(file, path);
        char *content = get_memory(16384);
        known[i].content = bytes_of(content, fread(content, 1, 16383, file));
        (void)fclose(file);
        (void)snprintf(known[i].name, sizeof known[i].name, "%s", name);
    }
    return known[i].content;
}

const char *fixture_pem(const char *name)
{
    return (const char *)fixture_file(name).data;
}

const char *fixture_join(const char *a, const char *b, const char *c)
{
    size_t size = strlen(a) + strlen(b) + strlen(c) + 1;
    char *joined = get_memory(size);
    (void)snprintf(joined, size, "%s%s%s", a, b, c);
    return joined;
}

const char *fixture_replace(const char *text, const char *from, const char *to)
{
    char *replaced = get_memory(strlen(text) * (strlen(to) + 1) + 1);
    char *out = replaced;
    while (*text != '\0') {
        bool here = strncmp(text, from, strlen(from)) == 0;
        const char *piece = here ? to : text;
        size_t size = here ? strlen(to) : 1;
        memcpy(out, piece, size);
        out += size;
        text += here ? strlen(from) : 1;
    }
    return replaced;
}

const char *fixture_escaped(const char *text)
{
    return fixture_replace(fixture_replace(text, "\r", "\\r"), "\n", "\\n");
}

const char *fixture_service_key(const char *certificates, const char *key)
{
    char *json = get_memory(32768);
    (void)snprintf(json, 32768,
                   "{\n  \"oauth\": {\n"
                   "    \"clientid\": \"sb-3f1c2a60-7d5e-4f0b-9c11-5a0d2e8b4c77!b48213|it-rt-plant!b117912\",\n"
                   "    \"certificate\": \"%s\",\n%s%s%s"
                   "    \"tokenurl\": \"https://plant.authentication.cert.eu10.example/oauth/token\",\n"
                   "    \"url\": \"https://plant.it-cpi024-rt.cfapps.eu10.example\",\n"
                   "    \"createdate\": \"2026-11-01T08:00:00.000Z\"\n  }\n}\n",
                   fixture_escaped(certificates), key == NULL ? "" : "    \"key\": \"",
                   key == NULL ? "" : fixture_escaped(key), key == NULL ? "" : "\",\n");
    return json;
}

const char *fixture_chain(void)
{
    return fixture_join(fixture_pem("leaf.crt"), fixture_pem("intermediate.crt"), fixture_pem("root.crt"));
}

const char *fixture_good(void)
{
    static const char *good;
    if (good == NULL)
        good = fixture_service_key(fixture_chain(), fixture_pem("leaf.key"));
    return good;
}

enum ifl_status fixture_read_bytes(const struct bytes *inputs, size_t count)
{
    arena_init(&fixture_arena, arena_bytes, fixture_arena_size);
    random_state = 1;
    enum ifl_status status = service_key_read(inputs, count, &fixture_arena, &fixture_random, fixture_buf,
                                              fixture_buf_size, &fixture_identity, &fixture_report);
    TEST_ASSERT_TRUE_MESSAGE(arena_empty(&fixture_arena), "a block was left in the arena");
    TEST_ASSERT_EQUAL(status, fixture_report.status);
    return status;
}

enum ifl_status fixture_read(const char *text)
{
    struct bytes input = bytes_of_string(text);
    return fixture_read_bytes(&input, 1);
}

enum ifl_status fixture_read_two(const char *first, const char *second)
{
    struct bytes inputs[] = {bytes_of_string(first), bytes_of_string(second)};
    return fixture_read_bytes(inputs, 2);
}

enum ifl_status fixture_mend(const struct bytes *inputs, size_t count)
{
    static uint8_t work[PASTE_WORK_SIZE(65536)];
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += inputs[i].size;
    arena_init(&fixture_arena, arena_bytes, fixture_arena_size);
    random_state = 1;
    enum ifl_status status =
        paste_read(inputs, count, bytes_of(work, PASTE_WORK_SIZE(total)), NULL, &fixture_arena, &fixture_random,
                   fixture_buf, fixture_buf_size, &fixture_identity, &fixture_report);
    TEST_ASSERT_TRUE_MESSAGE(arena_empty(&fixture_arena), "a block was left in the arena");
    TEST_ASSERT_EQUAL(status, fixture_report.status);
    if (total < sizeof work) /* all of it would take its time */
        TEST_ASSERT_EACH_EQUAL_UINT8(0, work + PASTE_WORK_SIZE(total) - 2 * total, 2 * total);
    return status;
}

bool fixture_is_original(size_t count)
{
    static const char *const names[] = {"leaf.crt.der", "intermediate.crt.der", "root.crt.der"};
    if (fixture_identity.chain_count != count || !bytes_equal(fixture_identity.key, fixture_file("leaf.key.der")))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!bytes_equal(fixture_identity.chain[i], fixture_file(names[i])))
            return false;
    }
    return true;
}

bool fixture_holds_key(const void *at, size_t size)
{
    /* PKCS#1: version, n (257 bytes), e, then d, p, q and the rest: all secret from byte 300 on. */
    struct bytes key = fixture_file("leaf.key.der");
    struct bytes hay = bytes_of(at, size);
    for (size_t i = 300; i + 16 <= key.size; i += 16) {
        if (bytes_find(hay, bytes_of(key.data + i, 16)) < size)
            return true;
    }
    return false;
}
