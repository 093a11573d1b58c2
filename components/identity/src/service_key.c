/* Intake, in the order in which things are found out: texts ─► fields and PEM blocks (DER in the caller's buffer) ─► proof ─► identity. */
#include "identity/service_key.h"

#include <string.h>

#include "crypto.h"
#include "key_der.h"
#include "key_json.h"
#include "material.h"
#include "proof.h"
#include "repairs.h"

struct intake {
    struct material material;
    struct identity *identity;
    struct service_key_report *report;
    struct text detail;
    void (*taken)(void *ctx); /* or NULL */
    void *ctx;
    bool json;     /* a service key was among the inputs */
    bool json_key; /* ... with its private key */
    bool pem;      /* a PEM block was found outside of a service key */
    bool secret;   /* ... with a clientsecret */
};

/* ---- Texts of the service key: shown, but not proven ---------------------------------------------------------------------------- */

static void warn(struct intake *intake, enum ifl_status status)
{
    struct service_key_report *report = intake->report;
    if (report->warning_count < SERVICE_KEY_NOTE_COUNT)
        report->warnings[report->warning_count++] = status;
}

static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text > '~')
            return false;
    }
    return true;
}

/* "" if it isn't there, too long or not plain ASCII. */
static void take_text(struct json field, char *out, size_t size)
{
    out[0] = '\0';
    if (field.raw.size > 0 && (json_text(field, out, size) != IFL_OK || !is_plain(out)))
        out[0] = '\0';
}

static void take_url(struct intake *intake, struct json field)
{
    char *url = intake->identity->url;
    take_text(field, url, sizeof intake->identity->url);
    if (url[strcspn(url, "<>[]()@,;")] !=
        '\0') /* a link that a mail program made of it, the address twice: which one isn't for us to say */
        url[0] = '\0';
    if (strncmp(url, "https://", 8) == 0) {
        url[8 + strcspn(url + 8, "/?#")] = '\0';
    } else if (url[0] != '\0') {
        url[0] = '\0';
        warn(intake, IFL_CONFIG_NOT_HTTPS);
    }
}

/* A label of the tenant's web interface, which answers with a login page: the runtime's has "-rt" at its end. Only names that are known
 * to exist in both forms are judged. */
static bool is_web_interface(const char *url)
{
    const char *label = strstr(url, ".it-cpi");
    size_t len = label == NULL ? 0 : strcspn(label + 1, ".:/");
    return len > 0 && !(len > 3 && strncmp(label + 1 + len - 3, "-rt", 3) == 0);
}

static bool is_api_client(const char *clientid)
{
    return strstr(clientid, "|it!b") != NULL;
}

/* ---- Inputs --------------------------------------------------------------------------------------------------------------------- */

static struct bytes inside_quotes(struct json string)
{
    return string.raw.size < 2 ? bytes_of(NULL, 0) : bytes_of(string.raw.data + 1, string.raw.size - 2);
}

static enum ifl_status take_json(struct intake *intake, struct bytes text)
{
    struct key_fields fields;
    if (intake->json) {
        text_str(&intake->detail, "two service keys");
        return IFL_KEY_AMBIGUOUS;
    }
    intake->json = true;
    enum ifl_status status = key_json_find(text, &fields, &intake->material.repairs, &intake->detail);
    if (status != IFL_OK)
        return status;
    intake->json_key = fields.key.raw.size > 0;
    intake->secret = fields.secret.raw.size > 0;
    take_text(fields.clientid, intake->identity->clientid, IDENTITY_TEXT_SIZE);
    take_text(fields.tokenurl, intake->identity->tokenurl, IDENTITY_TEXT_SIZE);
    take_url(intake, fields.url);
    status = material_take(&intake->material, inside_quotes(fields.certificate), MATERIAL_CERTIFICATE_FIELD,
                           &intake->detail);
    if (status == IFL_OK)
        status = material_take(&intake->material, inside_quotes(fields.key), MATERIAL_KEY_FIELD, &intake->detail);
    return status;
}

static bool is_utf16(struct bytes text)
{
    return text.size >= 2 && (text.data[0] == 0 || text.data[1] == 0 || (text.data[0] >= 0xFE && text.data[1] >= 0xFE));
}

static enum ifl_status take_input(struct intake *intake, struct bytes text)
{
    static const uint8_t byte_order_mark[] = {0xEF, 0xBB, 0xBF};
    size_t at;
    if (is_utf16(text)) {
        text_str(&intake->detail, "the text is UTF-16: save it as UTF-8");
        return IFL_KEY_UNREADABLE;
    }
    if (text.size > 0 && memchr(text.data, 0, text.size) != NULL) {
        text_str(&intake->detail, "it isn't a text");
        return IFL_KEY_UNREADABLE;
    }
    if (bytes_starts_with(text, bytes_of(byte_order_mark, sizeof byte_order_mark))) {
        text = bytes_tail(text, sizeof byte_order_mark);
        intake->material.repairs |= REPAIR_BYTE_ORDER_MARK;
    }
    if (key_json_starts(text, &at))
        return take_json(intake, text);
    size_t before = intake->material.used;
    enum ifl_status status = material_take(&intake->material, text, MATERIAL_FILE, &intake->detail);
    intake->pem = intake->pem || intake->material.used > before || status != IFL_OK;
    return status;
}

/* ---- The way through -------------------------------------------------------------------------------------------------------------- */

/* What is missing can be said better than that it's missing. */
static enum ifl_status check_presence(const struct intake *intake)
{
    if (is_api_client(intake->identity->clientid))
        return IFL_KEY_PLAN_API;
    if (intake->material.certificate_count > 0)
        return IFL_OK;
    if (intake->secret)
        return IFL_KEY_SECRET;
    return intake->json || intake->pem ? IFL_KEY_NO_CERTIFICATE : IFL_KEY_UNREADABLE;
}

static enum identity_kind kind_of(const struct intake *intake)
{
    if (is_api_client(intake->identity->clientid))
        return IDENTITY_API;
    if (intake->secret && intake->material.certificate_count == 0)
        return IDENTITY_SECRET;
    return intake->json_key ? IDENTITY_CERTIFICATE : IDENTITY_EXTERNAL;
}

static enum ifl_status prove(struct intake *intake, struct proof *proof)
{
    enum ifl_status status = proof_parse_certificates(proof, &intake->material, &intake->detail);
    if (status == IFL_OK && intake->material.key.size == 0)
        status = IFL_KEY_NO_PRIVATE_KEY;
    if (status == IFL_OK)
        status = proof_parse_key(proof, &intake->material, &intake->detail);
    if (status == IFL_OK)
        status = proof_build_chain(proof, &intake->detail);
    return status == IFL_OK ? proof_use(proof, &intake->detail) : status;
}

/* The key as it was parsed, written anew: whatever odd bytes its text had, they stay behind. Where the found key lies if it fits, else behind everything. */
static enum ifl_status write_key(struct intake *intake, const struct proof *proof)
{
    struct material *material = &intake->material;
    size_t at = (size_t)(material->key.data - material->buf);
    size_t room = material->key.size;
    int len = key_der_write(&proof->key, material->key, material->buf + at, room);
    if (len < 0) {
        bytes_wipe(material->buf + at, room);
        at = material->used;
        room = material->size - material->used;
        len = key_der_write(&proof->key, material->key, material->buf + at, room);
    }
    if (len < 0)
        return IFL_TOO_LARGE;
    /* mbedTLS writes to the end of the room. */
    bytes_wipe(material->buf + at, room - (size_t)len);
    intake->identity->key = bytes_of(material->buf + at + room - (size_t)len, (size_t)len);
    return IFL_OK;
}

static void order_chain(struct intake *intake, const struct proof *proof)
{
    struct identity *identity = intake->identity;
    identity->chain_count = proof->chain_count;
    for (size_t i = 0; i < proof->chain_count; i++) {
        identity->chain[i] = intake->material.certificates[proof->chain[i]];
        if (proof->chain[i] != i)
            intake->material.repairs |= REPAIR_ORDER;
    }
}

static enum ifl_status take_proven(struct intake *intake, struct proof *proof)
{
    proof_init(proof);
    enum ifl_status status = prove(intake, proof);
    proof_describe(proof, intake->identity);
    if (status == IFL_OK)
        status = write_key(intake, proof);
    if (status == IFL_OK)
        order_chain(intake, proof);
    proof_free(proof);
    return status;
}

/* mbedTLS says "bad certificate" also when it had no memory: what was refused to it counts more than what it answers. */
static enum ifl_status take_with_crypto(struct intake *intake, struct arena *arena, const struct ifl_random *random)
{
    bool no_memory;
    bool no_entropy;
    struct proof *proof = arena_calloc(arena, 1, sizeof *proof);
    if (proof == NULL)
        return IFL_NO_MEMORY;
    crypto_bind(arena, random);
    enum ifl_status status = take_proven(intake, proof);
    crypto_unbind(&no_memory, &no_entropy);
    arena_free(arena, proof);
    if (no_memory || no_entropy) {
        intake->detail.len = 0;
        intake->detail.buf[0] = '\0';
        return no_memory ? IFL_NO_MEMORY : IFL_NO_ENTROPY;
    }
    return status;
}

static enum ifl_status read_all(struct intake *intake, const struct bytes *inputs, size_t count, struct arena *arena,
                                const struct ifl_random *random)
{
    enum ifl_status status = IFL_OK;
    for (size_t i = 0; i < count && status == IFL_OK; i++)
        status = take_input(intake, inputs[i]);
    enum ifl_status presence = check_presence(intake);
    /* A key of plan api is named as that even where more is wrong with it. */
    if (status == IFL_OK || presence == IFL_KEY_PLAN_API)
        status = presence;
    intake->identity->kind = kind_of(intake);
    if (status == IFL_OK && intake->taken != NULL)
        intake->taken(intake->ctx);
    return status == IFL_OK ? take_with_crypto(intake, arena, random) : status;
}

static void refuse(struct intake *intake)
{
    intake->identity->chain_count = 0;
    memset(intake->identity->chain, 0, sizeof intake->identity->chain);
    intake->identity->key = bytes_of(NULL, 0);
    bytes_wipe(intake->material.buf, intake->material.size);
}

enum ifl_status service_key_read_once(const struct bytes *inputs, size_t input_count, void (*taken)(void *ctx),
                                      void *ctx, struct arena *arena, const struct ifl_random *random, void *buf,
                                      size_t buf_size, struct identity *identity, struct service_key_report *report)
{
    struct intake intake = {
        .material = {.buf = buf, .size = buf_size}, .identity = identity, .report = report, .taken = taken, .ctx = ctx};
    memset(identity, 0, sizeof *identity);
    memset(report, 0, sizeof *report);
    text_init(&intake.detail, report->detail, sizeof report->detail);
    enum ifl_status status = IFL_INVALID;
    if (input_count >= 1 && input_count <= SERVICE_KEY_INPUT_MAX)
        status = read_all(&intake, inputs, input_count, arena, random);
    if (status != IFL_OK)
        refuse(&intake);
    else if (identity->url[0] == '\0' && intake.json)
        warn(&intake, IFL_KEY_NO_URL);
    else if (is_web_interface(identity->url))
        warn(&intake, IFL_KEY_HOST_NO_RT);
    report->status = status;
    report->certificate_count = intake.material.certificate_count;
    repairs_tell(intake.material.repairs, report);
    return status;
}

enum ifl_status service_key_read(const struct bytes *inputs, size_t input_count, struct arena *arena,
                                 const struct ifl_random *random, void *buf, size_t buf_size, struct identity *identity,
                                 struct service_key_report *report)
{
    return service_key_read_once(inputs, input_count, NULL, NULL, arena, random, buf, buf_size, identity, report);
}
