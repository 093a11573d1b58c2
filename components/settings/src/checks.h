/* checks.h: is this text allowed here? One question a function; the sentences that say what is allowed stand in settings.c. */
#ifndef SETTINGS_CHECKS_H
#define SETTINGS_CHECKS_H

#include <stdbool.h>

bool check_printable(const char *text);   /* printable ASCII, not empty, no space at its ends */
bool check_user(const char *text);        /* the same without a colon (RFC 7617 section 2) */
bool check_file(const char *text);        /* not empty, no control characters */
bool check_route_name(const char *text);  /* [a-z0-9][a-z0-9_-]* */
bool check_path(const char *text);        /* RFC 3986 section 3.3, absolute, with an optional query */
bool check_media_type(const char *text);  /* RFC 9110 section 8.3.1, roughly: type/subtype and printable parameters */
bool check_token(const char *text);       /* RFC 9110 section 5.6.2: a header's name */
bool check_header_name(const char *text); /* a token that the sender doesn't write itself */
bool check_address(const char *text);     /* IPv4 or IPv6 literal without brackets */
bool check_host(const char *text);        /* a DNS name or an address */
bool check_server(const char *text);      /* the same, with an optional :port behind a name or an IPv4 address */
bool check_address_source(const char *text); /* "dhcp" or address/prefix length */
bool check_proxy(const char *text);          /* "" or [http://][user:password@]host[:port] */

#endif
