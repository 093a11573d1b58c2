/* Random edits of a good service key: each one is refused, or gives exactly the original leaf, chain and key. The intake mends what it can on the way, so
 * this is also what keeps mending from becoming guessing. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unity.h"

#define SEED 20261123u

static uint64_t state;

void setUp(void)
{
    fixture_reset();
    state = SEED;
}

void tearDown(void) {}

/* splitmix64: the same edits in every run. */
static size_t random_below(size_t bound)
{
    uint64_t z = state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (size_t)((z ^ (z >> 31)) % bound);
}

static size_t delete_at(char *text, size_t size, size_t at)
{
    memmove(text + at, text + at + 1, size - at - 1);
    return size - 1;
}

static size_t insert_at(char *text, size_t size, size_t at)
{
    static const char likely[] = "ABMZaz09+/=-\\n\" \n";
    memmove(text + at + 1, text + at, size - at);
    text[at] = random_below(2) == 0 ? likely[random_below(sizeof likely - 1)] : (char)random_below(256);
    return size + 1;
}

static size_t edit(char *text, size_t size)
{
    size_t at = random_below(size - 1);
    char other = text[at + 1];
    switch (random_below(5)) {
    case 0:
        text[at] = (char)(text[at] ^ (1 << random_below(8)));
        return size;
    case 1:
        return delete_at(text, size, at);
    case 2:
        return insert_at(text, size, at);
    case 3:
        text[at + 1] = text[at];
        text[at] = other;
        return size;
    default:
        text[at] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[random_below(64)];
        return size;
    }
}

static unsigned edit_count(void)
{
    const char *full = getenv("IFL_TEST_FULL");
    return full != NULL && strcmp(full, "1") == 0 ? 100000 : 2000;
}

static void write_figures(unsigned edits, unsigned wrong)
{
    char path[512];
    const char *dir = getenv("IFL_FIGURES_DIR");
    if (dir == NULL)
        return;
    (void)snprintf(path, sizeof path, "%s/identity_edits.json", dir);
    FILE *file = fopen(path, "w");
    TEST_ASSERT_NOT_NULL(file);
    (void)fprintf(file, "{\"keys.edits\": %u, \"keys.edits_wrong\": %u}\n", edits, wrong);
    (void)fclose(file);
}

/* The root may be gone (its markers were destroyed): the load balancer has its own. Leaf, intermediate and key never. */
static bool is_right(enum ifl_status status)
{
    return status != IFL_OK || fixture_is_original(3) || fixture_is_original(2);
}

static unsigned wrong_after_edits(const char *good, unsigned count, unsigned *accepted)
{
    size_t good_size = strlen(good);
    char *text = calloc(1, good_size + 8);
    unsigned wrong = 0;
    TEST_ASSERT_NOT_NULL(text);
    struct bytes unedited = bytes_of_string(good);
    TEST_ASSERT_EQUAL(IFL_OK, fixture_mend(&unedited, 1));
    for (unsigned i = 0; i < count; i++) {
        memcpy(text, good, good_size);
        size_t size = edit(text, good_size);
        if (random_below(2) == 0)
            size = edit(text, size);
        struct bytes input = bytes_of(text, size);
        enum ifl_status status = fixture_mend(&input, 1);
        *accepted += status == IFL_OK;
        if (!is_right(status)) {
            (void)printf("edit %u of seed %u gives another identity\n", i, SEED);
            wrong++;
        }
    }
    free(text);
    return wrong;
}

static void an_edited_service_key_is_refused_or_still_the_original(void)
{
    unsigned accepted = 0;
    unsigned count = edit_count();
    unsigned wrong = wrong_after_edits(fixture_good(), count, &accepted);
    (void)printf("%u edits: %u still the original, %u refused, %u wrong\n", count, accepted - wrong, count - accepted,
                 wrong);
    write_figures(count, wrong);
    TEST_ASSERT_EQUAL(0, wrong);
    TEST_ASSERT_GREATER_THAN_MESSAGE(0, accepted, "some edits hit only white space or texts");
}

static void an_edited_pem_file_is_refused_or_still_the_original(void)
{
    unsigned accepted = 0;
    const char *pem = fixture_join(fixture_pem("leaf.key"), fixture_chain(), "");
    TEST_ASSERT_EQUAL(0, wrong_after_edits(pem, edit_count() / 10, &accepted));
}

/* Every bit of the key's DER, put into PEM again by hand: damage that a text editor can't do, but a bad medium can. */
static void a_key_with_one_flipped_bit_is_refused(void)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct bytes der = fixture_file("leaf.key.der");
    size_t step = edit_count() < 100000 ? 11 : 1;
    for (size_t bit = 0; bit < der.size * 8; bit += step) {
        uint8_t damaged[2400] = {0};
        char pem[3400] = "-----BEGIN RSA PRIVATE KEY-----\n";
        char *out = pem + strlen(pem);
        memcpy(damaged, der.data, der.size);
        damaged[bit / 8] ^= (uint8_t)(1 << bit % 8);
        for (size_t i = 0; i < der.size; i += 3) {
            uint32_t group = (uint32_t)damaged[i] << 16 | (uint32_t)damaged[i + 1] << 8 | damaged[i + 2];
            for (int shift = 18; shift >= 0; shift -= 6)
                *out++ = digits[group >> shift & 63];
        }
        for (size_t i = 0; i < (3 - der.size % 3) % 3; i++)
            out[-1 - (ptrdiff_t)i] = '=';
        strcpy(out, "\n-----END RSA PRIVATE KEY-----\n");
        TEST_ASSERT_NOT_EQUAL(IFL_OK, fixture_read_two(fixture_chain(), pem));
    }
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(an_edited_service_key_is_refused_or_still_the_original);
    RUN_TEST(an_edited_pem_file_is_refused_or_still_the_original);
    RUN_TEST(a_key_with_one_flipped_bit_is_refused);
    return UNITY_END();
}
