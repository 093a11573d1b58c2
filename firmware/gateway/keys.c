#include "keys.h"

#include <string.h>

#include "identity/paste.h"
#include "linux/file.h"

#define ERASE_STEPS_MAX 100000u
#define KEY_FILE_SIZE_MAX 131072u /* a service key has 10 KB; PFX and the like come through iflowctl */

/* ---- the file ---- */

static void warn(struct service_key_report *report, enum ifl_status warning)
{
    if (report->warning_count < SERVICE_KEY_NOTE_COUNT) {
        report->warnings[report->warning_count++] = warning;
    }
}

enum ifl_status key_file_read(struct key_file *file, const struct settings *settings, const char *dir,
                              struct arena *arena, const struct ifl_random *random, struct text *detail)
{
    static uint8_t texts[2][KEY_FILE_SIZE_MAX];
    static uint8_t work[PASTE_WORK_SIZE(2 * KEY_FILE_SIZE_MAX)];
    struct bytes inputs[2];
    size_t count = 0;
    size_t total = 0;
    memset(file, 0, sizeof *file);
    if (settings->identity[0] == '\0') {
        return IFL_IDENTITY_NONE;
    }
    enum ifl_status status = IFL_OK;
    const char *const names[2] = {settings->identity, settings->identity_key};
    for (size_t i = 0; i < 2 && names[i][0] != '\0' && status == IFL_OK; i++) {
        size_t len = 0;
        status = file_read(dir, names[i], texts[i], sizeof texts[i], &len, detail);
        inputs[count++] = bytes_of(texts[i], len);
        total += len;
    }
    if (status == IFL_OK) {
        status = paste_read(inputs, count, bytes_of(work, PASTE_WORK_SIZE(total)), NULL, arena, random, file->buf,
                            sizeof file->buf, &file->identity, &file->report);
        text_str(detail, settings->identity);
        text_str(detail, file->report.detail[0] != '\0' ? ": " : "");
        text_str(detail, file->report.detail);
    }
    for (size_t i = 0; i < count && status == IFL_OK; i++) {
        if (file_gives_key_away(dir, names[i], inputs[i], count)) {
            warn(&file->report, IFL_KEY_READABLE);
        }
    }
    bytes_wipe(texts, sizeof texts);
    return status;
}

void key_file_wipe(struct key_file *file)
{
    bytes_wipe(file, sizeof *file);
}

/* ---- the slots ---- */

/* The same certificate with the same texts. Another url or tokenurl is a better file of it, or one that has got worse: it's taken in, and tried. */
static bool holds(struct identity_slots *slots, int slot, const struct identity *identity)
{
    static struct identity stored;
    static uint8_t buf[IFL_IDENTITY_SIZE_MAX]; /* secret */
    if (slot < 0 || memcmp(slots->slot[slot].leaf_sha256, identity->leaf_sha256, sizeof identity->leaf_sha256) != 0 ||
        identity_slots_load(slots, slot, buf, sizeof buf, &stored) != IFL_OK) {
        return false;
    }
    bytes_wipe(buf, sizeof buf);
    return strcmp(stored.url, identity->url) == 0 && strcmp(stored.tokenurl, identity->tokenurl) == 0 &&
           strcmp(stored.clientid, identity->clientid) == 0;
}

enum ifl_status keys_store(struct identity_slots *slots, const struct key_file *file, bool trusted)
{
    enum ifl_status status = IFL_AGAIN;
    for (unsigned steps = 0; status == IFL_AGAIN && steps < ERASE_STEPS_MAX; steps++) {
        status = identity_slots_prepare(slots);
    }
    return status == IFL_OK ? identity_slots_write(slots, &file->identity, trusted) : status;
}

enum ifl_status keys_take_in(struct identity_slots *slots, const struct key_file *file)
{
    if (holds(slots, slots->pending, &file->identity) ||
        (slots->pending < 0 && holds(slots, slots->active, &file->identity))) {
        return IFL_OK;
    }
    return keys_store(slots, file, slots->active < 0);
}

void keys_unload(struct keys *keys)
{
    const uint32_t generation = keys->generation + 1;
    bytes_wipe(keys, sizeof *keys);
    keys->generation = generation;
    keys->slot = -1;
}

enum ifl_status keys_load(struct keys *keys, struct identity_slots *slots, int slot)
{
    keys_unload(keys);
    const enum ifl_status status = identity_slots_load(slots, slot, keys->buf, sizeof keys->buf, &keys->identity);
    if (status == IFL_OK) {
        keys->slot = slot;
    }
    return status;
}
