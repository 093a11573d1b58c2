/* doctor.h: what was seen on the way to a flow, as steps with a verdict each: told line by line to people, or as one JSON object at the end.
 *
 * Pure judgement and output; verb_doctor.c does the asking. Functions that judge return false when their step failed: the walk ends there, and the
 * failure is the last step that is told. No secret is ever told. */
#ifndef CTL_DOCTOR_H
#define CTL_DOCTOR_H

#include <stdbool.h>

#include "base/status.h"
#include "probe.h"

#define DOCTOR_STEP_MAX 32
#define DOCTOR_LINE_SIZE 512

enum doctor_mark { DOCTOR_GOOD, DOCTOR_NOTE, DOCTOR_BAD, DOCTOR_SKIPPED };

struct doctor_step {
    const char *name;
    enum doctor_mark mark;
    enum ifl_status status; /* of a note or a failure that the catalogue knows; OK else */
    char text[DOCTOR_LINE_SIZE];
};

struct doctor {
    bool json;
    const char *ca, *route, *host;
    uint16_t port;
    bool certificate_requested; /* in any handshake so far */
    size_t step_count;
    struct doctor_step steps[DOCTOR_STEP_MAX];
    struct probe_seen last; /* what the last request met, without token and cookies */
};

void doctor_begin(struct doctor *doctor, bool json, const char *ca, const char *route);
void doctor_host(struct doctor *doctor, const char *host, uint16_t port);

void doctor_good(struct doctor *doctor, const char *step, const char *text);
/* Worth knowing; nothing fails by it. With a row of the catalogue, or without one. */
void doctor_note(struct doctor *doctor, const char *step, enum ifl_status status, const char *text);
void doctor_remark(struct doctor *doctor, const char *step, const char *text);
void doctor_skipped(struct doctor *doctor, const char *step, const char *text);
/* Always false. */
bool doctor_bad(struct doctor *doctor, const char *step, enum ifl_status status, const char *text);

/* dns, proxy, tcp, server, asked, certificate; and http where the connection broke there. `proxy_host`: "" for none. */
bool doctor_connection(struct doctor *doctor, const struct probe_seen *seen, const char *proxy_host);
/* The answer refuses our identity without a reason that proves it. */
bool doctor_is_refused(const struct probe_seen *seen);
/* The answer at the address that doesn't exist: http, authorisation. */
bool doctor_probe_answer(struct doctor *doctor, const struct probe_seen *seen);
/* The answer to OPTIONS at the route's address: role, csrf, flow. */
bool doctor_route_answer(struct doctor *doctor, const struct probe_seen *seen);
/* The answer to POST: role, csrf, flow, message. `protected`: the flow has asked for a token. */
bool doctor_message_answer(struct doctor *doctor, const struct probe_seen *seen, bool protected);

/* The failure with cause, remedy and what was seen; or the JSON object. */
void doctor_end(struct doctor *doctor);

#endif
