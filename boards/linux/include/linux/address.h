/* address.h: the address that a person gives on a command line to bypass DNS. */
#ifndef LINUX_ADDRESS_H
#define LINUX_ADDRESS_H

/* "127.0.0.1", "::1", or the form that curl takes, "HOST:PORT:ADDRESS": the part of `text` that is the address. NULL: there is none. */
const char *address_of_option(const char *text);

#endif
