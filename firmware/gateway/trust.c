#include "trust.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "log.h"
#include "tls/certificate.h"

#define CONFIGURED 0u
#define NONE TRUST_NONE
#define DETAIL_SIZE 512u
#define VALUE_SIZE 11u    /* of STATE_TRUST */
#define OLD_VALUE_SIZE 3u /* up to 0.1.0: without the time */

/* Which bundle is what, as in struct trust. */
struct which {
    unsigned in_force, on_trial, before;
    int64_t since_unix_s;
};

static struct trust_files *bundle_of(const struct trust *trust, unsigned bundle)
{
    struct trust *self = (struct trust *)trust;
    return bundle == CONFIGURED ? self->configured : &self->installed[bundle - 1];
}

/* ---- in the state directory ---- */

/* "trust-1.pem" with `ending`. */
static enum ifl_status path_of(const struct trust *trust, unsigned bundle, const char *ending, char path[PATH_MAX])
{
    const int len = snprintf(path, PATH_MAX, "%s/trust-%u.pem%s", trust->dir, bundle, ending);
    return len < PATH_MAX ? IFL_OK : IFL_FILE;
}

static enum ifl_status load(struct trust *trust, unsigned bundle)
{
    char path[PATH_MAX], buf[DETAIL_SIZE];
    struct text detail;
    text_init(&detail, buf, sizeof buf);
    enum ifl_status status = path_of(trust, bundle, "", path);
    status = status == IFL_OK ? trust_files_load(bundle_of(trust, bundle), path, &detail) : status;
    if (status != IFL_OK) {
        log_status(status, buf);
    }
    return status;
}

static void count(struct trust *trust, const struct which *which)
{
    struct text since;
    trust->in_force = which->in_force;
    trust->on_trial = which->on_trial;
    trust->before = which->before;
    trust->since_unix_s = which->since_unix_s;
    text_init(&since, trust->since, sizeof trust->since);
    if (which->on_trial != NONE && which->since_unix_s != 0) {
        text_utc(&since, which->since_unix_s);
    }
}

static enum ifl_status keep(struct trust *trust, const struct which *which)
{
    uint8_t value[VALUE_SIZE] = {(uint8_t)which->in_force, (uint8_t)which->on_trial, (uint8_t)which->before};
    le64_put(value + 3, (uint64_t)which->since_unix_s);
    const enum ifl_status status = store_put(trust->store, STATE_TRUST, bytes_of(value, sizeof value));
    if (status == IFL_OK) {
        count(trust, which);
        trust->seen = trust->seen_new = false;
    }
    return status;
}

static unsigned known(unsigned bundle)
{
    return bundle <= TRUST_PLACE_COUNT ? bundle : NONE;
}

/* An installed bundle that is told of and can't be read is as good as none. */
static unsigned usable(struct trust *trust, unsigned bundle)
{
    bundle = known(bundle);
    return bundle == NONE || bundle == CONFIGURED || load(trust, bundle) == IFL_OK ? bundle : NONE;
}

void trust_open(struct trust *trust, struct store *store, const char *dir, struct trust_files *configured)
{
    uint8_t value[VALUE_SIZE];
    size_t len = 0;
    memset(trust, 0, sizeof *trust);
    trust->store = store;
    trust->dir = dir;
    trust->configured = configured;
    trust->chain_begins = true;
    const bool kept = state_get(&store->state, STATE_TRUST, value, sizeof value, &len) == IFL_OK;
    struct which which = {.in_force = CONFIGURED, .on_trial = NONE, .before = NONE};
    if (kept && (len == sizeof value || len == OLD_VALUE_SIZE)) {
        which.in_force = usable(trust, value[0]);
        which.on_trial = usable(trust, value[1]);
        which.before = usable(trust, value[2]);
        which.since_unix_s = len == sizeof value ? (int64_t)le64_get(value + 3) : 0;
    }
    count(trust, &which);
    if (trust->in_force == NONE) {
        trust->in_force = trust->before != NONE ? trust->before : CONFIGURED;
        trust->before = NONE;
        log_info("the installed roots can't be read: those of %s count", bundle_of(trust, trust->in_force)->path);
    }
}

/* ---- for TLS ---- */

/* How many roots with this subject a bundle has. */
static unsigned count_of(struct trust_files *files, struct bytes subject)
{
    const struct tls_trust roots = trust_files_trust(files);
    unsigned count = 0;
    size_t size = 0;
    while (roots.find(roots.ctx, subject, count, NULL, 0, &size) == IFL_TOO_LARGE) {
        count++;
    }
    return count;
}

static enum ifl_status find(void *ctx, struct bytes subject, unsigned index, void *buf, size_t buf_size, size_t *size)
{
    struct trust *trust = ctx;
    if (trust->on_trial != NONE) {
        struct trust_files *files = bundle_of(trust, trust->on_trial);
        const unsigned count = count_of(files, subject);
        if (index < count) {
            const struct tls_trust roots = trust_files_trust(files);
            return roots.find(roots.ctx, subject, index, buf, buf_size, size);
        }
        index -= count;
    }
    const struct tls_trust roots = trust_files_trust(bundle_of(trust, trust->in_force));
    return roots.find(roots.ctx, subject, index, buf, buf_size, size);
}

struct tls_trust trust_roots(struct trust *trust)
{
    return (struct tls_trust){.find = find, .ctx = trust};
}

static bool holds(struct trust_files *files, struct bytes der)
{
    static uint8_t root[TRUST_FILES_PEM_MAX];
    const struct tls_trust roots = trust_files_trust(files);
    struct bytes subject;
    size_t size = 0;
    if (tls_certificate_names(der, NULL, &subject) != IFL_OK) {
        return false;
    }
    for (unsigned i = 0; roots.find(roots.ctx, subject, i, root, sizeof root, &size) == IFL_OK; i++) {
        if (bytes_equal(bytes_of(root, size), der)) {
            return true;
        }
    }
    return false;
}

void trust_see_certificate(void *ctx, struct bytes der, int depth)
{
    struct trust *trust = ctx;
    if (trust->chain_begins && trust->on_trial != NONE) {
        trust->seen = true;
        trust->seen_new = holds(bundle_of(trust, trust->on_trial), der);
    }
    trust->chain_begins = depth == 0;
}

enum ifl_status trust_judge(struct trust *trust, bool verified)
{
    if (trust->on_trial == NONE || !trust->seen || !verified) {
        return IFL_OK;
    }
    const bool proven = trust->seen_new;
    const struct which new_ones = {.in_force = trust->on_trial, .on_trial = NONE, .before = trust->in_force};
    const struct which old_ones = {.in_force = trust->in_force, .on_trial = NONE, .before = trust->before};
    const enum ifl_status status = keep(trust, proven ? &new_ones : &old_ones);
    trust->seen = false; /* where the state couldn't be written, the next handshake decides */
    return status != IFL_OK ? status : proven ? IFL_TRUST_PROVEN : IFL_TRUST_REFUSED;
}

/* ---- for people ---- */

static enum ifl_status refuse_file(const char *path, int fd, struct text *detail)
{
    text_str(detail, path);
    text_str(detail, ": ");
    text_str(detail, strerror(errno));
    if (fd >= 0) {
        close(fd);
    }
    return IFL_FILE;
}

static enum ifl_status write_file(const char *path, struct bytes content, struct text *detail)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return refuse_file(path, fd, detail);
    }
    while (content.size > 0) {
        const ssize_t written = write(fd, content.data, content.size);
        if (written <= 0) {
            return refuse_file(path, fd, detail);
        }
        content = bytes_tail(content, (size_t)written);
    }
    if (fsync(fd) != 0) {
        return refuse_file(path, fd, detail);
    }
    return close(fd) == 0 ? IFL_OK : refuse_file(path, -1, detail);
}

static enum ifl_status put_in_place(const struct trust *trust, const char *from, const char *to, struct text *detail)
{
    const int dir = open(trust->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || rename(from, to) != 0 || fsync(dir) != 0) {
        return refuse_file(to, dir, detail);
    }
    close(dir);
    return IFL_OK;
}

/* What the text is worth, before anything is changed. */
static enum ifl_status check(const char *path, struct text *detail)
{
    static struct trust_files files;
    const enum ifl_status status = trust_files_load(&files, path, detail);
    return status == IFL_FILE ? IFL_TRUST_BAD : status;
}

/* One that no bundle lies in that counts. */
static unsigned free_place(const struct trust *trust)
{
    unsigned place = 1;
    while (place == trust->in_force || place == trust->on_trial || place == trust->before) {
        place++;
    }
    return place;
}

/* Whole, at its place, and read. It doesn't count yet. */
static enum ifl_status put_file(struct trust *trust, unsigned place, struct bytes pem, struct text *detail)
{
    char path[PATH_MAX], new_path[PATH_MAX];
    enum ifl_status status = path_of(trust, place, "", path);
    status = status == IFL_OK ? path_of(trust, place, ".new", new_path) : status;
    if (status != IFL_OK) {
        return status;
    }
    status = write_file(new_path, pem, detail);
    status = status == IFL_OK ? check(new_path, detail) : status;
    status = status == IFL_OK ? put_in_place(trust, new_path, path, detail) : status;
    if (status != IFL_OK) {
        (void)unlink(new_path);
        return status;
    }
    return load(trust, place);
}

enum ifl_status trust_install(struct trust *trust, struct bytes pem, int64_t now_unix_s, struct text *detail)
{
    const unsigned place = free_place(trust);
    if (bytes_find(pem, bytes_of_string("PRIVATE KEY")) < pem.size) {
        text_str(detail, "it holds a private key, which doesn't belong there");
        return IFL_TRUST_BAD;
    }
    const struct which which = {trust->in_force, place, trust->before, now_unix_s};
    const enum ifl_status status = put_file(trust, place, pem, detail);
    return status == IFL_OK ? keep(trust, &which) : status;
}

enum ifl_status trust_rollback(struct trust *trust)
{
    const struct which without_trial = {.in_force = trust->in_force, .on_trial = NONE, .before = trust->before};
    const struct which exchanged = {.in_force = trust->before, .on_trial = NONE, .before = trust->in_force};
    if (trust->on_trial != NONE) {
        return keep(trust, &without_trial);
    }
    return trust->before == NONE ? IFL_NOT_FOUND : keep(trust, &exchanged);
}

size_t trust_list(const struct trust *trust, struct console_roots roots[CONSOLE_ROOTS_MAX])
{
    const struct {
        unsigned bundle;
        const char *state;
    } all[] = {{trust->in_force, "in force"}, {trust->on_trial, "on trial"}, {trust->before, "before"}};
    size_t count = 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i].bundle != NONE) {
            const struct trust_files *files = bundle_of(trust, all[i].bundle);
            roots[count] = (struct console_roots){all[i].state, files->path, files->count, NULL};
            roots[count].since = all[i].bundle == trust->on_trial && trust->since[0] != '\0' ? trust->since : NULL;
            count++;
        }
    }
    return count;
}
