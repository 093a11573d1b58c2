/* Whose service key it is, as far as its texts prove it. */
#include "identity/paste.h"

#include <string.h>

static const char OF_ANOTHER_SERVICE[] =
    "its `url` is an authentication host: it's another service's (xsuaa, destination, ...); take one of Process "
    "Integration Runtime, plan `integration-flow`";
static const char NOT_THE_RUNTIME[] = "its `url` is an authentication host, where tokens come from, not the runtime";

static uint8_t lower(char c)
{
    return (uint8_t)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* x.authentication.eu10.hana.ondemand.com, x.authentication.cert.eu10.hana.ondemand.com: no runtime is called so. */
static bool is_authentication_host(const char *url)
{
    static const char before[] = "https://", domain[] = ".hana.ondemand.com";
    uint8_t buf[IDENTITY_TEXT_SIZE];
    size_t size = 0;
    if (strncmp(url, before, strlen(before)) != 0)
        return false;
    for (url += strlen(before); *url != '\0' && strchr(":/?#", *url) == NULL && size < sizeof buf; url++)
        buf[size++] = lower(*url);
    const struct bytes host = bytes_of(buf, size);
    const size_t label = bytes_find(host, bytes_of_string(".authentication."));
    return label > 0 && label < size && size > strlen(domain) &&
           bytes_equal(bytes_tail(host, size - strlen(domain)), bytes_of_string(domain));
}

/* "sb-<guid>!b<nr>|it-rt-<tenant>!b<nr>"; who has no clientid proves nothing. */
static bool may_be_of_a_runtime(const char *clientid)
{
    return clientid[0] == '\0' || strstr(clientid, "|it-rt-") != NULL;
}

const char *paste_url_fault(const char *url, const char *clientid)
{
    if (!is_authentication_host(url))
        return NULL;
    return may_be_of_a_runtime(clientid) ? NOT_THE_RUNTIME : OF_ANOTHER_SERVICE;
}

/* A good identity can be used without a url, where the configuration names one. */
void paste_check_url(struct identity *identity, struct service_key_report *report)
{
    const char *fault = paste_url_fault(identity->url, identity->clientid);
    struct text detail;
    if (fault == NULL)
        return;
    text_init(&detail, report->detail, sizeof report->detail);
    text_str(&detail, fault);
    identity->url[0] = '\0';
    if (report->warning_count < SERVICE_KEY_NOTE_COUNT)
        report->warnings[report->warning_count++] = IFL_KEY_NO_URL;
}

bool paste_is_of_another_service(const struct service_key_report *report)
{
    return report->status == IFL_OK && strcmp(report->detail, OF_ANOTHER_SERVICE) == 0;
}
