/* bytes.h: a borrowed span of bytes, and little-endian integers in stored formats.
 *
 * A span never owns its memory; whoever hands it out says how long it stays valid. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *data;
    size_t size; /* bytes */
};

/* Both are inline because a struct that comes back from a call goes through memory. */
static inline struct bytes bytes_of(const void *data, size_t size)
{
    return (struct bytes){.data = data, .size = size};
}
static inline struct bytes bytes_of_string(const char *text) /* without the terminating zero */
{
    return bytes_of(text, strlen(text));
}
bool bytes_equal(struct bytes a, struct bytes b);
/* ASCII case-insensitive; see also text_is(). */
bool bytes_equal_ignore_case(struct bytes a, struct bytes b);
bool bytes_starts_with(struct bytes whole, struct bytes head);
/* First position of `needle` in `hay`, or hay.size if it isn't there. An empty needle is at 0. */
size_t bytes_find(struct bytes hay, struct bytes needle);
/* The first `size` bytes / what is behind them; both clip to what is there. */
struct bytes bytes_head(struct bytes span, size_t size);
struct bytes bytes_tail(struct bytes span, size_t skip);
/* Decimal digits only, no sign, no spaces. False: empty, not a digit, or larger than UINT64_MAX; *value is untouched. */
bool bytes_to_u64(struct bytes text, uint64_t *value);

uint16_t le16_get(const uint8_t *at);
uint32_t le32_get(const uint8_t *at);
uint64_t le64_get(const uint8_t *at);
void le16_put(uint8_t *at, uint16_t value);
void le32_put(uint8_t *at, uint32_t value);
void le64_put(uint8_t *at, uint64_t value);

/* Overwrite with zeros in a way that the compiler can't leave out: for keys, tokens and cookies. */
void bytes_wipe(void *at, size_t size);

#endif
