/* Addresses: one type for both IP versions.
 *
 * An address is 16 bytes. IPv4 is held as IPv4-mapped IPv6 (::ffff:a.b.c.d), so that everything
 * above IP has one code path. Ports are in host order. A scope is the identifier of a link
 * (1 and up); 0 means any link and is what everything but link-local addresses uses. */
#ifndef LASTACK_ADDR_H
#define LASTACK_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

struct la_addr {
    uint8_t b[16];
};

struct la_endpoint {
    struct la_addr addr;
    uint16_t port;  /* host order */
    uint16_t scope; /* link identifier, 0 for any */
};

/* Longest texts, with the closing NUL: "[ffff:...:255.255.255.255%65535]:65535". */
#define LA_ADDR_TEXT_MAX     46
#define LA_ENDPOINT_TEXT_MAX 64

static inline struct la_addr la_addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return (struct la_addr){{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}};
}

/* The unspecified addresses: 0.0.0.0 (any_v4) and :: (any_v6). */
static inline struct la_addr la_addr_any_v4(void)
{
    return la_addr_v4(0, 0, 0, 0);
}

static inline struct la_addr la_addr_any_v6(void)
{
    return (struct la_addr){{0}};
}

bool la_addr_equal(const struct la_addr *a, const struct la_addr *b);
bool la_addr_is_v4(const struct la_addr *a);          /* IPv4-mapped */
bool la_addr_is_unspecified(const struct la_addr *a); /* 0.0.0.0 or :: */
bool la_addr_is_multicast(const struct la_addr *a);   /* 224/4, ff00::/8; also 255.255.255.255 */
bool la_addr_is_loopback(const struct la_addr *a);    /* 127/8, ::1 */
bool la_addr_is_link_local(const struct la_addr *a);  /* 169.254/16, fe80::/10 */

/* Do the first `prefix` bits agree? For IPv4 the prefix counts IPv4 bits (0 to 32). */
bool la_addr_in_prefix(const struct la_addr *a, const struct la_addr *net, uint8_t prefix);

/* Reads "10.0.0.1", "fd00::2" (RFC 4291 2.2, all three forms). 0 or LA_EINVAL. */
int la_addr_parse(const char *text, struct la_addr *out);

/* Writes the shortest form (RFC 5952) into `text` of at least LA_ADDR_TEXT_MAX bytes; returns
 * its length without the NUL. */
size_t la_addr_format(const struct la_addr *a, char *text);

/* The same with the port: "10.0.0.1:80", "[fd00::2]:80" (at least LA_ENDPOINT_TEXT_MAX bytes). */
size_t la_endpoint_format(const struct la_endpoint *e, char *text);

#pragma GCC visibility pop

#endif
