/* What lies in a node's flash: documents that are whole or not there, and seeds that are never used twice. */
#include "base/crc32c.h"
#include "board/layout.h"
#include "flash_double.h"
#include "image/nameplate.h"
#include "image/seed.h"
#include "image/stored.h"
#include "image/texts.h"
#include "image/trust_store.h"
#include "unity.h"

#include <string.h>

#define SECTOR 4096u
#define STREAM_SIZE 24u

static struct flash_double medium;
static struct flash_region region;
static const struct bytes device = {(const uint8_t *)"device 1", 8};

static void with_granule(uint32_t granule)
{
    flash_double_free(&medium);
    struct flash_double_options options = {
        .geometry = {.size = 4 * SECTOR, .sector_size = SECTOR, .prog_size = granule, .erased = 0xFF},
        .erase_polls = 1};
    flash_double_init(&medium, &options);
    TEST_ASSERT_EQUAL(IFL_OK, flash_region(&medium.flash, SECTOR, 2 * SECTOR, &region));
}

void setUp(void)
{
    struct flash_double_options options = {
        .geometry = {.size = SECTOR, .sector_size = SECTOR, .prog_size = 1, .erased = 0xFF}};
    flash_double_init(&medium, &options);
    with_granule(16);
}

void tearDown(void)
{
    TEST_ASSERT_EQUAL_STRING("", medium.violation);
    flash_double_free(&medium);
}

/* ---- documents ---- */

static void a_document_comes_back_whole(void)
{
    static const uint32_t granules[] = {1, 8, 16, 32, 256};
    struct stored found;
    char back[20];
    for (size_t i = 0; i < sizeof granules / sizeof *granules; i++) {
        with_granule(granules[i]);
        TEST_ASSERT_EQUAL(IFL_NOT_FOUND, stored_find(region, STORED_SETTINGS, 2, &found));
        TEST_ASSERT_EQUAL(IFL_OK,
                          stored_write(region, STORED_SETTINGS, 2, 1, 7, bytes_of_string("a document of 19 b.")));
        TEST_ASSERT_EQUAL(IFL_OK, stored_find(region, STORED_SETTINGS, 2, &found));
        TEST_ASSERT_EQUAL_UINT32(19, found.size);
        TEST_ASSERT_EQUAL_UINT32(7, found.generation);
        TEST_ASSERT_EQUAL_UINT32(1, found.place);
        TEST_ASSERT_EQUAL(IFL_OK, stored_read(&found, 0, back, 19));
        TEST_ASSERT_EQUAL_MEMORY("a document of 19 b.", back, 19);
        TEST_ASSERT_EQUAL(IFL_FLASH_GEOMETRY, stored_read(&found, 10, back, 10));
        TEST_ASSERT_EQUAL(IFL_NOT_FOUND, stored_find(region, STORED_TRUST, 2, &found));
    }
}

static void the_newer_document_counts_and_a_damaged_one_does_not(void)
{
    struct stored found;
    TEST_ASSERT_EQUAL(IFL_OK, stored_write(region, STORED_SETTINGS, 2, 0, 1, bytes_of_string("old")));
    TEST_ASSERT_EQUAL(IFL_OK, stored_write(region, STORED_SETTINGS, 2, 1, 2, bytes_of_string("new")));
    TEST_ASSERT_EQUAL(IFL_OK, stored_find(region, STORED_SETTINGS, 2, &found));
    TEST_ASSERT_EQUAL_UINT32(1, found.place);
    flash_double_flip(&medium, SECTOR + SECTOR + 33, 0); /* in its body */
    TEST_ASSERT_EQUAL(IFL_OK, stored_find(region, STORED_SETTINGS, 2, &found));
    TEST_ASSERT_EQUAL_UINT32(0, found.place);
    flash_double_flip(&medium, SECTOR + 33, 0);
    TEST_ASSERT_EQUAL(IFL_STORE_CORRUPT, stored_find(region, STORED_SETTINGS, 2, &found));
}

static void a_power_cut_in_any_write_leaves_the_old_document_or_the_new_one(void)
{
    char body[300];
    struct stored found;
    memset(body, 'x', sizeof body);
    for (uint64_t cut = 1; cut < 8; cut++) {
        for (int tear = 0; tear < FLASH_TEAR_ERASE; tear++) {
            flash_double_reset(&medium);
            TEST_ASSERT_EQUAL(IFL_OK, stored_write(region, STORED_SETTINGS, 2, 0, 1, bytes_of_string("old")));
            flash_double_cut(&medium, medium.operations + cut, (enum flash_tear)tear, cut);
            enum ifl_status status = stored_write(region, STORED_SETTINGS, 2, 1, 2, bytes_of(body, sizeof body));
            flash_double_power_on(&medium);
            TEST_ASSERT_EQUAL(IFL_OK, stored_find(region, STORED_SETTINGS, 2, &found));
            TEST_ASSERT_TRUE(found.generation == 1 || found.size == sizeof body);
            TEST_ASSERT_TRUE(status != IFL_OK || found.generation == 2);
        }
    }
}

static void what_does_not_fit_a_place_is_refused(void)
{
    static const uint8_t body[SECTOR] = {0};
    TEST_ASSERT_EQUAL(IFL_TOO_LARGE, stored_write(region, STORED_SETTINGS, 2, 0, 1, bytes_of(body, sizeof body)));
    TEST_ASSERT_EQUAL(IFL_TOO_LARGE, stored_write(region, STORED_SETTINGS, 2, 2, 1, bytes_of(body, 1)));
}

static void a_nameplate_comes_back(void)
{
    struct nameplate plate = {.mac = {2, 1, 2, 3, 4, 5}, .serial = "0123456789abcde"}, back;
    TEST_ASSERT_EQUAL(IFL_NOT_FOUND, nameplate_read(region, &back));
    TEST_ASSERT_EQUAL(IFL_OK, nameplate_write(region, &plate, NULL));
    TEST_ASSERT_EQUAL(IFL_OK, nameplate_read(region, &back));
    TEST_ASSERT_EQUAL_MEMORY(plate.mac, back.mac, 6);
    TEST_ASSERT_EQUAL_MEMORY(plate.serial, back.serial, 16);
    struct pin pin;
    TEST_ASSERT_EQUAL(IFL_NOT_FOUND, nameplate_pin(region, &pin));
}

static void a_pin_is_known_again_but_not_kept(void)
{
    static const struct nameplate plate = {.mac = {2, 1, 2, 3, 4, 5}, .serial = "0123456789abcde"};
    /* Of another implementation: Python's hashlib. */
    static const uint8_t expected[PIN_HASH_SIZE] = {0x5f, 0xdc, 0x04, 0xe3, 0x49, 0x9d, 0xfc, 0x6a, 0xb4, 0xf4, 0xb1,
                                                    0xf5, 0xd6, 0xca, 0x78, 0x52, 0x0b, 0xaf, 0x77, 0x5b, 0x97, 0xa2,
                                                    0xaa, 0xcc, 0x6f, 0x16, 0x5b, 0xb9, 0x9c, 0x16, 0x00, 0x1d};
    static const uint8_t salt[PIN_SALT_SIZE] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    struct nameplate other;
    struct pin pin, back;
    memcpy(pin.salt, salt, sizeof salt);
    pin_make(&pin, bytes_of_string("correct-horse"));
    TEST_ASSERT_EQUAL_MEMORY(expected, pin.hash, sizeof expected);
    TEST_ASSERT_EQUAL(IFL_NOT_FOUND, nameplate_pin(region, &back));
    TEST_ASSERT_EQUAL(IFL_OK, nameplate_write(region, &plate, &pin));
    TEST_ASSERT_EQUAL(IFL_OK, nameplate_read(region, &other));
    TEST_ASSERT_EQUAL_MEMORY(plate.serial, other.serial, 16);
    TEST_ASSERT_EQUAL(IFL_OK, nameplate_pin(region, &back));
    TEST_ASSERT_TRUE(pin_matches(&back, bytes_of_string("correct-horse")));
    TEST_ASSERT_FALSE(pin_matches(&back, bytes_of_string("correct-horsf")));
    TEST_ASSERT_FALSE(pin_matches(&back, bytes_of_string("")));
    back.iterations = 0;
    TEST_ASSERT_FALSE(pin_matches(&back, bytes_of_string("correct-horse")));
}

static void a_pin_can_be_typed_and_is_no_number_of_four_digits(void)
{
    char text[PIN_LEN_MAX + 2];
    memset(text, 'x', sizeof text - 1);
    text[PIN_LEN_MAX + 1] = '\0';
    TEST_ASSERT_TRUE(pin_is_possible(bytes_of_string("135790")));
    TEST_ASSERT_TRUE(pin_is_possible(bytes_of(text, PIN_LEN_MAX)));
    TEST_ASSERT_FALSE(pin_is_possible(bytes_of(text, PIN_LEN_MAX + 1)));
    TEST_ASSERT_FALSE(pin_is_possible(bytes_of_string("12345")));
    TEST_ASSERT_FALSE(pin_is_possible(bytes_of_string("with space")));
    TEST_ASSERT_FALSE(pin_is_possible(bytes_of_string("gr\xc3\xbc\xc3\x9f"
                                                      "e")));
}

static void a_longer_text_is_never_the_pin(void)
{
    char text[PIN_LEN_MAX + 2];
    struct pin pin = {.salt = {1}};
    memset(text, 'x', sizeof text - 1);
    text[PIN_LEN_MAX + 1] = '\0';
    pin_make(&pin, bytes_of(text, PIN_LEN_MAX));
    TEST_ASSERT_TRUE(pin_matches(&pin, bytes_of(text, PIN_LEN_MAX)));
    TEST_ASSERT_FALSE(pin_matches(&pin, bytes_of_string(text)));
}

/* ---- texts ---- */

static void sentences_are_read_from_flash_by_number(void)
{
    static uint8_t body[TEXTS_SIZE_MAX];
    static struct texts texts;
    char name[40], cause[IFL_TEXT_SIZE], remedy[IFL_TEXT_SIZE], small[5], own[5] = "", own_name[40];
    size_t size = 0;
    flash_double_free(&medium);
    struct flash_double_options options = {
        .geometry = {.size = 16 * SECTOR, .sector_size = SECTOR, .prog_size = 16, .erased = 0xFF}, .erase_polls = 1};
    flash_double_init(&medium, &options);
    TEST_ASSERT_EQUAL(IFL_OK, flash_region(&medium.flash, SECTOR, 14 * SECTOR, &region));
    texts_make(body, &size);
    TEST_ASSERT_LESS_THAN(TEXTS_SIZE_MAX / 4 * 3, size);
    TEST_ASSERT_EQUAL(IFL_NOT_FOUND, texts_use(&texts, region));
    strcpy(own_name, ifl_name(IFL_OK));
    strcpy(name, ifl_name(IFL_NET_DNS));
    strcpy(cause, ifl_cause(IFL_NET_DNS));
    strcpy(remedy, ifl_remedy(IFL_NET_DNS));
    memcpy(own, ifl_cause(IFL_OK), sizeof own - 1);
    const char first = own[0];
    own[0] = '#';
    body[le32_get(body + 4 + 8)] = '#'; /* to be seen: the first entry's cause */
    TEST_ASSERT_EQUAL(IFL_OK, le16_get(body + 4));
    le16_put(body + 4 + 6, 0); /* an image of before names were there */
    TEST_ASSERT_EQUAL(IFL_OK, stored_write(region, STORED_TEXTS, 1, 0, 1, bytes_of(body, size)));
    TEST_ASSERT_EQUAL(IFL_OK, texts_use(&texts, region));
    TEST_ASSERT_EQUAL_STRING(name, ifl_name(IFL_NET_DNS));
    TEST_ASSERT_EQUAL_STRING(own_name, ifl_name(IFL_OK));
    char words[IFL_WORDS_SIZE], entry[IFL_WORDS_SIZE] = "";
    (void)stored_read(&texts.document, le32_get(body + 4 + 12 * (le32_get(body) - 1) + 8), entry,
                      le16_get(body + 4 + 12 * (le32_get(body) - 1) + 2));
    TEST_ASSERT_TRUE(ifl_words(IFL_WORDS_REPAIR_ORDER, words, sizeof words)); /* the last ones */
    TEST_ASSERT_EQUAL_STRING(entry, words);
    TEST_ASSERT_EQUAL_STRING(cause, ifl_cause(IFL_NET_DNS));
    TEST_ASSERT_EQUAL_STRING(remedy, ifl_remedy(IFL_NET_DNS));
    TEST_ASSERT_EQUAL('#', ifl_cause(ifl_diag_at(0)->status)[0]);
    TEST_ASSERT_EQUAL_STRING(own, ifl_text(IFL_OK, IFL_TEXT_CAUSE, small, sizeof small));
    TEST_ASSERT_EQUAL_STRING(ifl_cause(IFL_INVALID),
                             ifl_cause((enum ifl_status)9999)); /* no entry: the program's own */
    TEST_ASSERT_EQUAL(IFL_OK, flash_erase_start(&region, 13 * SECTOR));
    TEST_ASSERT_EQUAL(first, ifl_cause(IFL_OK)[0]); /* busy: the program's own */
    while (flash_poll(&region) == IFL_FLASH_BUSY) {
    }
    ifl_texts_from(NULL, NULL);
}

/* ---- trust bundles ---- */

/* A bundle of three roots, whose DER is text here: two have one subject. */
static void store_bundle(struct flash_region to, const char *const der[3], struct trust_store *store)
{
    static const struct bytes subjects[3] = {
        {(const uint8_t *)"one", 3}, {(const uint8_t *)"two", 3}, {(const uint8_t *)"one", 3}};
    uint8_t body[600] = {0};
    size_t at = trust_store_index_size(3);
    trust_store_index_start(body, 3);
    for (size_t i = 0; i < 3; i++) {
        uint8_t *entry = body + trust_store_index_size(i);
        le32_put(entry, crc32c(0, subjects[i].data, subjects[i].size));
        le32_put(entry + 4, (uint32_t)at);
        le32_put(entry + 8, (uint32_t)strlen(der[i]));
        memcpy(body + at, der[i], strlen(der[i]));
        at += strlen(der[i]);
    }
    TEST_ASSERT_EQUAL(IFL_OK, stored_write(to, STORED_TRUST, 1, 0, 1, bytes_of(body, at)));
    TEST_ASSERT_EQUAL(IFL_OK, trust_store_open(store, to));
    TEST_ASSERT_EQUAL_UINT32(3, store->count);
}

static void roots_are_found_by_subject_and_told_apart_by_content(void)
{
    static const char *const A[3] = {"the first root, more than sixty-four bytes long, so that it's compared in pieces",
                                     "b", "c"};
    static const char *const B[3] = {"the first root, more than sixty-four bytes long, so that it's compared in piecez",
                                     "b", "x"};
    const struct bytes one = bytes_of_string("one");
    struct trust_store a, b;
    struct trust_root root;
    char buf[100];
    size_t size = 0;
    struct flash_region half = region;
    half.size = SECTOR;
    TEST_ASSERT_EQUAL(IFL_NOT_FOUND, trust_store_open(&a, half));
    TEST_ASSERT_EQUAL_UINT32(0, a.count);
    TEST_ASSERT_EQUAL(IFL_END, trust_store_find(&a, one, 0, &root));
    store_bundle(half, A, &a);
    half.start += SECTOR;
    store_bundle(half, B, &b);
    TEST_ASSERT_EQUAL(IFL_OK, trust_store_find(&a, one, 1, &root));
    TEST_ASSERT_EQUAL(IFL_TOO_LARGE, trust_store_read(&a, root, buf, 0, &size));
    TEST_ASSERT_EQUAL_UINT(1, size);
    TEST_ASSERT_EQUAL(IFL_OK, trust_store_read(&a, root, buf, sizeof buf, &size));
    TEST_ASSERT_EQUAL('c', buf[0]);
    TEST_ASSERT_EQUAL(IFL_END, trust_store_find(&a, one, 2, &root));
    TEST_ASSERT_EQUAL(IFL_OK, trust_store_find(&a, one, 0, &root));
    TEST_ASSERT_TRUE(trust_store_holds(&a, one, &a, root));
    TEST_ASSERT_FALSE(trust_store_holds(&b, one, &a, root));
    TEST_ASSERT_TRUE(trust_store_holds_der(&a, one, bytes_of_string(A[0])));
    TEST_ASSERT_FALSE(trust_store_holds_der(&b, one, bytes_of_string(A[0])));
    TEST_ASSERT_FALSE(trust_store_holds_der(&a, bytes_of_string("two"), bytes_of_string("c")));
    TEST_ASSERT_TRUE(trust_store_holds_der(&b, bytes_of_string("two"), bytes_of_string("b")));
}

/* ---- the seed ---- */

static enum ifl_status start(struct seed *seed)
{
    enum ifl_status status;
    while ((status = seed_start(seed, region, device)) == IFL_FLASH_BUSY) {
    }
    return status;
}

static void first_seed(void)
{
    uint8_t first[SEED_SIZE];
    memset(first, 0x5A, sizeof first);
    TEST_ASSERT_EQUAL(IFL_OK, seed_write_first(region, first));
}

static void draw(struct seed *seed, uint8_t *out)
{
    struct ifl_random random = {.fill = seed_fill, .ctx = seed};
    TEST_ASSERT_EQUAL(IFL_OK, random.fill(random.ctx, out, STREAM_SIZE));
}

static void without_a_seed_there_is_no_randomness(void)
{
    struct seed seed;
    uint8_t out[STREAM_SIZE] = {1}, zero[STREAM_SIZE] = {0};
    TEST_ASSERT_EQUAL(IFL_NO_ENTROPY, start(&seed));
    struct ifl_random random = {.fill = seed_fill, .ctx = &seed};
    TEST_ASSERT_EQUAL(IFL_NO_ENTROPY, random.fill(random.ctx, out, sizeof out));
    TEST_ASSERT_EQUAL_MEMORY(zero, out, sizeof out);
}

static void every_fill_is_different_and_every_length_is_filled(void)
{
    struct seed seed;
    uint8_t a[STREAM_SIZE], b[STREAM_SIZE], large[100] = {0};
    first_seed();
    TEST_ASSERT_EQUAL(IFL_OK, start(&seed));
    draw(&seed, a);
    draw(&seed, b);
    TEST_ASSERT_TRUE(memcmp(a, b, sizeof a) != 0);
    struct ifl_random random = {.fill = seed_fill, .ctx = &seed};
    TEST_ASSERT_EQUAL(IFL_OK, random.fill(random.ctx, large, 99));
    TEST_ASSERT_EQUAL_HEX8(0, large[99]);
    TEST_ASSERT_TRUE(memcmp(large, large + 32, 32) != 0);
}

static void another_device_draws_other_numbers_from_the_same_seed(void)
{
    struct seed seed;
    uint8_t a[STREAM_SIZE], b[STREAM_SIZE];
    first_seed();
    TEST_ASSERT_EQUAL(IFL_OK, start(&seed));
    draw(&seed, a);
    flash_double_reset(&medium);
    first_seed();
    TEST_ASSERT_EQUAL(IFL_OK, seed_start(&seed, region, bytes_of_string("device 2")));
    draw(&seed, b);
    TEST_ASSERT_TRUE(memcmp(a, b, sizeof a) != 0);
}

static bool seen_before(uint8_t (*streams)[STREAM_SIZE], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (memcmp(streams[i], streams[count], STREAM_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

/* More starts than a sector has places, so that erases are among them. */
static void no_two_starts_share_a_stream_wherever_the_power_goes(void)
{
    static uint8_t streams[400][STREAM_SIZE];
    size_t count = 0;
    struct seed seed;
    uint64_t cuts = 0;
    first_seed();
    for (uint64_t round = 0; count < 300; round++) {
        bool cut = round % 3 != 0;
        if (cut) {
            flash_double_cut(&medium, medium.operations + 1 + round % 2, (enum flash_tear)(round % FLASH_TEAR_COUNT),
                             round);
        }
        enum ifl_status status = start(&seed);
        if (status == IFL_OK) {
            draw(&seed, streams[count]);
            TEST_ASSERT_FALSE(seen_before(streams, count));
            count++;
        } else {
            TEST_ASSERT_TRUE(cut);
            TEST_ASSERT_EQUAL(IFL_FLASH_IO, status);
            cuts++;
        }
        if (medium.off) {
            flash_double_power_on(&medium);
        }
        flash_double_cut(&medium, 0, FLASH_TEAR_NOTHING, 0);
    }
    TEST_ASSERT_GREATER_THAN_UINT64(100, cuts);
}

/* ---- the board's table ---- */

static void the_regions_of_the_board_lie_apart_on_whole_sectors(void)
{
    const struct board_layout *layout = &board_layout_smartfusion2_som;
    for (int i = 0; i < BOARD_REGION_COUNT; i++) {
        uint32_t start_i = layout->region[i].start, end_i = start_i + layout->region[i].size;
        TEST_ASSERT_TRUE(layout->region[i].size > 0 && end_i <= layout->geometry.size);
        TEST_ASSERT_EQUAL_UINT32(0, start_i % layout->geometry.sector_size);
        TEST_ASSERT_EQUAL_UINT32(0, end_i % layout->geometry.sector_size);
        for (int k = 0; k < i; k++) {
            TEST_ASSERT_TRUE(end_i <= layout->region[k].start ||
                             start_i >= layout->region[k].start + layout->region[k].size);
        }
    }
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(a_document_comes_back_whole);
    RUN_TEST(the_newer_document_counts_and_a_damaged_one_does_not);
    RUN_TEST(a_power_cut_in_any_write_leaves_the_old_document_or_the_new_one);
    RUN_TEST(what_does_not_fit_a_place_is_refused);
    RUN_TEST(sentences_are_read_from_flash_by_number);
    RUN_TEST(roots_are_found_by_subject_and_told_apart_by_content);
    RUN_TEST(a_nameplate_comes_back);
    RUN_TEST(a_pin_is_known_again_but_not_kept);
    RUN_TEST(a_pin_can_be_typed_and_is_no_number_of_four_digits);
    RUN_TEST(a_longer_text_is_never_the_pin);
    RUN_TEST(without_a_seed_there_is_no_randomness);
    RUN_TEST(every_fill_is_different_and_every_length_is_filled);
    RUN_TEST(another_device_draws_other_numbers_from_the_same_seed);
    RUN_TEST(no_two_starts_share_a_stream_wherever_the_power_goes);
    RUN_TEST(the_regions_of_the_board_lie_apart_on_whole_sectors);
    return UNITY_END();
}
