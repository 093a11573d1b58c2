/* Base64 and DER: what a piece of base64 is, told by its first bytes. */
#include "base64.h"
#include "paste_find.h"
#include "paste_text.h"

#include <string.h>

bool paste_is_base64(uint8_t c)
{
    return base64_value(c) >= 0;
}

size_t paste_base64(struct bytes text, uint8_t *out, size_t room)
{
    uint32_t bits = 0;
    size_t count = 0;
    size_t size = 0;
    size_t padding = 0;
    for (size_t i = 0; i < text.size; i++) {
        int value = base64_value(text.data[i]);
        padding += text.data[i] == '=';
        if (value < 0)
            continue;
        if (padding > 0)
            return 0;
        bits = bits << 6 | (uint32_t)value;
        if (++count % 4 == 1)
            continue;
        if (size == room)
            return 0;
        out[size++] = (uint8_t)(bits >> (count % 4 == 2 ? 4 : count % 4 == 3 ? 2 : 0));
    }
    size_t last = count % 4;
    bool loose_bits = (last == 2 && (bits & 15) != 0) || (last == 3 && (bits & 3) != 0);
    bool whole = last != 1 && !loose_bits && (padding == 0 || padding == (4 - last) % 4);
    return whole ? size : 0;
}

/* Size of the SEQUENCE whose first `size` bytes are there. */
static size_t sequence_size(const uint8_t *at, size_t size)
{
    if (size < 4 || at[0] != 0x30)
        return 0;
    if (at[1] == 0x82)
        return at[2] == 0 ? 0 : 4 + ((size_t)at[2] << 8 | at[3]);
    if (at[1] == 0x81)
        return at[2] < 0x80 ? 0 : 3 + (size_t)at[2];
    return at[1] < 0x80 ? 2 + (size_t)at[1] : 0;
}

size_t paste_der_size(struct bytes base64)
{
    uint32_t bits[2] = {0, 0}; /* four characters each: three bytes */
    if (base64.size < 8)
        return 0;
    for (size_t i = 0; i < 8; i++) {
        int value = base64_value(base64.data[i]);
        if (value < 0)
            return 0;
        bits[i / 4] = bits[i / 4] << 6 | (uint32_t)value;
    }
    const uint8_t head[4] = {(uint8_t)(bits[0] >> 16), (uint8_t)(bits[0] >> 8), (uint8_t)bits[0],
                             (uint8_t)(bits[1] >> 16)};
    return sequence_size(head, sizeof head);
}

/* Read tag and length at `at`. *head: their bytes. False: they don't fit into `der`. */
static bool read_head(struct bytes der, size_t at, size_t *head, size_t *size)
{
    if (at > der.size || der.size - at < 2)
        return false;
    size_t first = der.data[at + 1];
    size_t more = first < 0x80 ? 0 : first & 0x7F;
    *head = 2 + more;
    *size = more == 0 ? first : 0;
    if (more > 2 || der.size - at < *head)
        return false;
    for (size_t i = 0; i < more; i++)
        *size = *size << 8 | der.data[at + 2 + i];
    return *size <= der.size - at - *head;
}

/* The tag of the n-th element inside of the outer SEQUENCE; 0: there is none. */
static uint8_t element(struct bytes der, unsigned n, struct bytes *content)
{
    size_t at;
    size_t head;
    size_t size;
    if (!read_head(der, 0, &at, &size))
        return 0;
    for (unsigned i = 0; read_head(der, at, &head, &size); i++, at += head + size) {
        *content = bytes_of(der.data + at + head, size);
        if (i == n)
            return der.data[at];
    }
    return 0;
}

/* What has another structure is none of these, or damaged: nobody may take it for something that can be left out. */
static bool kind_of_sequence(struct bytes der, enum paste_kind *kind)
{
    struct bytes first;
    struct bytes second;
    uint8_t tag = element(der, 0, &first);
    uint8_t next = element(der, 1, &second);
    bool version = tag == 0x02 && first.size == 1;
    static const uint8_t signed_data[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02};
    if (tag == 0x06 && next == 0xA0 && bytes_equal(first, bytes_of(signed_data, sizeof signed_data)))
        *kind = PASTE_PKCS7;
    else if (tag == 0x30 && next == 0x30)
        *kind = PASTE_CERTIFICATE;
    else if (tag == 0x30 && next == 0x04)
        *kind = PASTE_ENCRYPTED_DER;
    else if (version && first.data[0] == 3 && next == 0x30)
        *kind = PASTE_PKCS12;
    else if (version && (next == 0x02 || next == 0x30 || next == 0x04))
        *kind = PASTE_KEY;
    else
        return false;
    return true;
}

bool paste_der_kind(struct bytes der, enum paste_kind *kind)
{
    return der.size >= 16 && sequence_size(der.data, der.size) == der.size && kind_of_sequence(der, kind);
}

/* The n-th field of a certificate's inside (RFC 5280 section 4.1), from the serial number on, which is the first. */
static struct bytes certificate_field(struct bytes der, unsigned n)
{
    struct bytes field = bytes_of(NULL, 0);
    size_t head;
    size_t size;
    if (!read_head(der, 0, &head, &size))
        return field;
    struct bytes inside = bytes_tail(der, head);
    bool version = element(inside, 0, &field) == 0xA0;
    return element(inside, n + version, &field) == 0 ? bytes_of(NULL, 0) : field;
}

bool paste_is_copy(struct bytes a, struct bytes b)
{
    const unsigned subject = 4;
    const unsigned key = 5;
    struct bytes name = certificate_field(a, subject);
    return name.size > 0 && !bytes_equal(a, b) && bytes_equal(name, certificate_field(b, subject)) &&
           bytes_equal(certificate_field(a, key), certificate_field(b, key));
}

struct bytes paste_der_trimmed(struct bytes input)
{
    size_t size = sequence_size(input.data, input.size);
    for (size_t i = size; i < input.size; i++) {
        if (size == 0 || memchr(" \r\n\0", input.data[i], 4) == NULL)
            return input;
    }
    return bytes_head(input, size == 0 ? input.size : size);
}

/* ContentInfo ► [0] SignedData ► version, digests, content, [0] certificates (RFC 2315, 9.1). */
static enum ifl_status add_pkcs7(struct paste *paste, struct bytes der)
{
    struct bytes content, certificates;
    size_t head;
    size_t size;
    enum ifl_status status = IFL_OK;
    if (element(der, 1, &content) != 0xA0 || element(content, 3, &certificates) != 0xA0)
        return IFL_OK; /* none are in it */
    for (size_t at = 0; status == IFL_OK && read_head(certificates, at, &head, &size); at += head + size)
        status = paste_add(paste, PASTE_CERTIFICATE, bytes_of(certificates.data + at, head + size));
    return status;
}

/* What doesn't depend on the format of a key: RSA's PKCS#1 (RFC 8017), EC's private number (RFC 5915). */
static struct bytes inside_of_key(struct bytes der)
{
    struct bytes inner;
    struct bytes number;
    if (element(der, 1, &inner) == 0x30 && element(der, 2, &inner) == 0x04)
        der = inner; /* PKCS#8 (RFC 5208) */
    return element(der, 1, &number) == 0x04 ? number : der;
}

static bool is_same(enum paste_kind kind, struct bytes a, struct bytes b)
{
    return kind == PASTE_KEY ? bytes_equal(inside_of_key(a), inside_of_key(b)) : bytes_equal(a, b);
}

enum ifl_status paste_add(struct paste *paste, enum paste_kind kind, struct bytes der)
{
    if (kind == PASTE_PKCS7)
        return add_pkcs7(paste, der);
    for (size_t i = 0; i < paste->blob_count; i++) {
        if (paste->blobs[i].kind == kind && is_same(kind, paste->blobs[i].bytes, der)) {
            paste->repairs |= PASTE_DOUBLED;
            return IFL_OK;
        }
    }
    if (paste->blob_count == PASTE_BLOB_COUNT || der.size > paste->top - paste->used) {
        paste_fail(paste, IFL_TOO_LARGE, "too many certificates");
        return IFL_TOO_LARGE;
    }
    memmove(paste->buf + paste->used, der.data, der.size);
    paste->blobs[paste->blob_count++] = (struct paste_blob){kind, bytes_of(paste->buf + paste->used, der.size)};
    paste->used += der.size;
    return IFL_OK;
}

bool paste_add_base64(struct paste *paste, struct bytes text)
{
    enum paste_kind kind;
    size_t mark = paste->top;
    size_t room = text.size / 4 * 3 + 3;
    uint8_t *der = paste_scratch(paste, room);
    if (der == NULL)
        return false;
    size_t size = paste_base64(text, der, room);
    bool right = size > 0 && paste_der_kind(bytes_of(der, size), &kind);
    if (right)
        (void)paste_add(paste, kind, bytes_of(der, size));
    bytes_wipe(der, room);
    paste->top = mark;
    return right;
}
