/* The reader in place against cJSON: on documents of our kind, and on thousands of damaged ones, both give the same verdict and the same
 * values. Where cJSON is more lenient than RFC 8259, the difference is of a kind that is named here. */
#include <cJSON.h>
#include <string.h>

#include "base/json.h"
#include "unity.h"

static const char *const documents[] = {
    "{\"device\":\"gw-0042\",\"identity\":\"servicekey.json\",\"routes\":{\"alarm\":\"/http/plant/alarm\",\"t\":{\"priority\":1}}}",
    "{\"oauth\":{\"clientid\":\"sb-1!b2|it-rt-x!b3\",\"certificate\":\"-----BEGIN\\nMII\\n\",\"key\":\"\\u00e4\\ud83d\\ude00\\/\\\"\"}}",
    "[0,-1,12345678,1.5,2e3,true,false,null,\"\",[],{},[[{\"a\":[1,2]}]]]",
    "  { \"a\" : [ 1 , 2 ] , \"b\" : { \"c\" : \"d\\te\" } }  ",
};

static struct {
    int same_accepted, same_refused, lenient;
} seen;

void setUp(void) {}

void tearDown(void) {}

static void same_values(const cJSON *peer, struct json ours)
{
    char buf[256];
    uint64_t number;
    struct json_each each;
    struct json name, value;
    switch (ours.type) {
    case JSON_NULL:
        TEST_ASSERT_TRUE(cJSON_IsNull(peer));
        return;
    case JSON_BOOL:
        TEST_ASSERT_TRUE(cJSON_IsBool(peer));
        return;
    case JSON_NUMBER:
        TEST_ASSERT_TRUE(cJSON_IsNumber(peer));
        if (json_u64(ours, &number) && number < 1000000) {
            TEST_ASSERT_EQUAL_INT(number, peer->valueint);
        }
        return;
    case JSON_STRING:
        TEST_ASSERT_TRUE(cJSON_IsString(peer));
        if (json_text(ours, buf, sizeof buf) == IFL_OK) {
            TEST_ASSERT_EQUAL_STRING(peer->valuestring, buf);
        }
        return;
    case JSON_ARRAY:
    case JSON_OBJECT:
        TEST_ASSERT_TRUE(ours.type == JSON_ARRAY ? cJSON_IsArray(peer) : cJSON_IsObject(peer));
        each = json_each(ours);
        const cJSON *item = peer->child;
        while (ours.type == JSON_ARRAY ? json_next_item(&each, &value) : json_next_member(&each, &name, &value)) {
            TEST_ASSERT_NOT_NULL(item);
            if (ours.type == JSON_OBJECT && json_text(name, buf, sizeof buf) == IFL_OK) {
                TEST_ASSERT_EQUAL_STRING(item->string, buf);
            }
            same_values(item, value);
            item = item->next;
        }
        TEST_ASSERT_NULL(item);
        return;
    }
}

/* cJSON takes what strtod takes (01, 1., +1), raw control characters in strings and as white space, a byte order mark, doubtful UTF-8 and
 * \u without four digits: all of it stands at the place that our reader names. */
static bool lenient_kind(const char *json, size_t size, size_t at)
{
    if (at >= size) {
        return json[size - 1] == '.' || json[size - 1] == 'e' || json[size - 1] == 'E' || json[size - 1] == '-' ||
               json[size - 1] == '+';
    }
    unsigned char wrong = (unsigned char)json[at];
    unsigned char before = at > 0 ? (unsigned char)json[at - 1] : 0;
    bool number =
        strchr("0123456789+-.eE", wrong) != NULL || (before != 0 && strchr("0123456789+-.eE", before) != NULL);
    for (size_t back = 1; back <= 5 && back <= at; back++) {
        if (json[at - back] == '\\') {
            return true;
        }
    }
    return number || wrong < 0x20 || wrong >= 0x7F;
}

static void compare(const char *json, size_t size)
{
    struct json ours;
    size_t at = 0;
    const char *end = NULL;
    bool accepted = json_read(bytes_of(json, size), JSON_STRICT, &ours, &at) && at == size;
    cJSON *peer = cJSON_ParseWithLengthOpts(json, size, &end, false);
    for (size_t i = peer == NULL ? size : (size_t)(end - json); i < size; i++) {
        if (strchr(" \t\r\n", json[i]) == NULL) { /* something follows */
            cJSON_Delete(peer);
            peer = NULL;
            break;
        }
    }
    if (accepted && peer == NULL) {
        TEST_ASSERT_NOT_NULL_MESSAGE(strstr(json, "\\ud"),
                                     json); /* half a pair: refused by us when the string is decoded */
        seen.same_refused++;
    } else if (accepted) {
        same_values(peer, ours);
        seen.same_accepted++;
    } else if (peer == NULL) {
        seen.same_refused++;
    } else {
        TEST_ASSERT_TRUE_MESSAGE(lenient_kind(json, size, at), json);
        seen.lenient++;
    }
    cJSON_Delete(peer);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static size_t damage(const char *document, char *json, uint32_t *seed)
{
    static const char bytes[] = "{}[]\",:\\0123456789.eE+-truefalsn u\n\t\x01\xC3";
    size_t size = strlen(document);
    memcpy(json, document, size);
    for (uint32_t edits = 1 + next_random(seed) % 2; edits > 0; edits--) {
        size_t at = next_random(seed) % size;
        char byte = bytes[next_random(seed) % (sizeof bytes - 1)];
        switch (next_random(seed) % 4) {
        case 0:
            json[at] = byte;
            break;
        case 1:
            memmove(json + at, json + at + 1, size - at - 1);
            size--;
            break;
        case 2:
            memmove(json + at + 1, json + at, size - at);
            json[at] = byte;
            size++;
            break;
        default:
            size = at + 1;
            break;
        }
    }
    json[size] = '\0';
    return size;
}

static void whole_documents_have_the_same_values(void)
{
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        compare(documents[i], strlen(documents[i]));
    }
    TEST_ASSERT_EQUAL(sizeof documents / sizeof documents[0], seen.same_accepted);
}

static void damaged_documents_get_the_same_verdict_and_values(void)
{
    char json[512];
    uint32_t seed = 2026;
    for (int i = 0; i < 40000; i++) {
        const char *document = documents[next_random(&seed) % (sizeof documents / sizeof documents[0])];
        size_t size = damage(document, json, &seed);
        compare(json, size);
    }
    TEST_ASSERT_GREATER_THAN(1000, seen.same_accepted);
    TEST_ASSERT_GREATER_THAN(1000, seen.same_refused);
    TEST_ASSERT_LESS_THAN(4000, seen.lenient);
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(whole_documents_have_the_same_values);
    RUN_TEST(damaged_documents_get_the_same_verdict_and_values);
    return UNITY_END();
}
