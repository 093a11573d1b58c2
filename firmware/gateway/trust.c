#include "trust.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "tls/certificate.h"

#define CONFIGURED 0u
#define NONE 255u
#define DETAIL_SIZE 512u

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

static enum ifl_status keep(struct trust *trust, unsigned in_force, unsigned on_trial, unsigned before)
{
    const uint8_t value[3] = {(uint8_t)in_force, (uint8_t)on_trial, (uint8_t)before};
    const enum ifl_status status = store_put(trust->store, STATE_TRUST, bytes_of(value, sizeof value));
    if (status == IFL_OK) {
        trust->in_force = in_force;
        trust->on_trial = on_trial;
        trust->before = before;
        trust->seen = trust->seen_new = false;
    }
    return status;
}

static unsigned known(unsigned bundle)
{
    return bundle <= 2 ? bundle : NONE;
}

/* An installed bundle that is told of and can't be read is as good as none. */
static unsigned usable(struct trust *trust, unsigned bundle)
{
    bundle = known(bundle);
    return bundle == NONE || bundle == CONFIGURED || load(trust, bundle) == IFL_OK ? bundle : NONE;
}

void trust_open(struct trust *trust, struct store *store, const char *dir, struct trust_files *configured)
{
    uint8_t value[3] = {CONFIGURED, NONE, NONE};
    size_t len = 0;
    memset(trust, 0, sizeof *trust);
    trust->store = store;
    trust->dir = dir;
    trust->configured = configured;
    trust->chain_begins = true;
    if (state_get(&store->state, STATE_TRUST, value, sizeof value, &len) != IFL_OK || len != sizeof value) {
        value[0] = CONFIGURED;
        value[1] = value[2] = NONE;
    }
    trust->in_force = usable(trust, value[0]);
    trust->on_trial = usable(trust, value[1]);
    trust->before = usable(trust, value[2]);
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
    const enum ifl_status status = proven ? keep(trust, trust->on_trial, NONE, trust->in_force)
                                          : keep(trust, trust->in_force, NONE, trust->before);
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

/* Never the bundle in force; what was there counts no more, before its file is replaced. */
static enum ifl_status make_room(struct trust *trust, unsigned *bundle)
{
    *bundle = trust->in_force == 1 ? 2 : 1;
    return keep(trust, trust->in_force, NONE, trust->before == *bundle ? NONE : trust->before);
}

enum ifl_status trust_install(struct trust *trust, struct bytes pem, struct text *detail)
{
    char path[PATH_MAX], new_path[PATH_MAX];
    unsigned bundle = trust->in_force == 1 ? 2 : 1;
    if (bytes_find(pem, bytes_of_string("PRIVATE KEY")) < pem.size) {
        text_str(detail, "it holds a private key, which doesn't belong there");
        return IFL_TRUST_BAD;
    }
    enum ifl_status status = path_of(trust, bundle, "", path);
    status = status == IFL_OK ? path_of(trust, bundle, ".new", new_path) : status;
    status = status == IFL_OK ? write_file(new_path, pem, detail) : status;
    status = status == IFL_OK ? check(new_path, detail) : status;
    status = status == IFL_OK ? make_room(trust, &bundle) : status;
    status = status == IFL_OK ? put_in_place(trust, new_path, path, detail) : status;
    if (status != IFL_OK) {
        (void)unlink(new_path);
        return status;
    }
    status = load(trust, bundle);
    return status == IFL_OK ? keep(trust, trust->in_force, bundle, trust->before) : status;
}

enum ifl_status trust_rollback(struct trust *trust)
{
    if (trust->on_trial != NONE) {
        return keep(trust, trust->in_force, NONE, trust->before);
    }
    return trust->before == NONE ? IFL_NOT_FOUND : keep(trust, trust->before, NONE, trust->in_force);
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
            roots[count++] = (struct console_roots){all[i].state, files->path, files->count};
        }
    }
    return count;
}
