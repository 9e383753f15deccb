/* Addresses: Linux's sockaddr and the core's la_endpoint. */
#include "posix/host.h"

#include <string.h>

static int from_v4(const struct sockaddr *sa, socklen_t len, struct la_endpoint *out)
{
    struct sockaddr_in in;
    if (len < sizeof(in))
        return -EINVAL;
    memcpy(&in, sa, sizeof(in));
    const uint8_t *b = (const uint8_t *)&in.sin_addr;
    *out = (struct la_endpoint){.addr = la_addr_v4(b[0], b[1], b[2], b[3]),
                                .port = ntohs(in.sin_port)};
    return 0;
}

#define SOCKADDR_IN6_RFC2133 24 /* without a scope: still taken */

static int from_v6(const struct sockaddr *sa, socklen_t len, struct la_endpoint *out)
{
    struct sockaddr_in6 in = {0};
    if (len < SOCKADDR_IN6_RFC2133)
        return -EINVAL;
    memcpy(&in, sa, len < sizeof(in) ? len : sizeof(in));
    *out = (struct la_endpoint){.port = ntohs(in.sin6_port)};
    memcpy(out->addr.b, &in.sin6_addr, sizeof(out->addr.b));
    if (la_addr_is_link_local(&out->addr))
        out->scope = (uint16_t)in.sin6_scope_id;
    return 0;
}

int address_in(int domain, const struct sockaddr *sa, socklen_t len, struct la_endpoint *out)
{
    sa_family_t family;
    if (!sa)
        return -EFAULT;
    if (len < sizeof(family))
        return -EINVAL;
    memcpy(&family, sa, sizeof(family));
    if (domain == AF_INET6)
        return family == AF_INET6 ? from_v6(sa, len, out) : -EAFNOSUPPORT;
    return family == AF_INET ? from_v4(sa, len, out) : -EAFNOSUPPORT;
}

socklen_t address_write(int domain, const struct la_endpoint *e, struct sockaddr_storage *to)
{
    memset(to, 0, sizeof(*to));
    if (domain == AF_INET) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(e->port)};
        memcpy(&in.sin_addr, e->addr.b + 12, sizeof(in.sin_addr));
        memcpy(to, &in, sizeof(in));
        return sizeof(in);
    }
    struct sockaddr_in6 in6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(e->port), .sin6_scope_id = e->scope};
    memcpy(&in6.sin6_addr, e->addr.b, sizeof(in6.sin6_addr));
    memcpy(to, &in6, sizeof(in6));
    return sizeof(in6);
}

void address_out(int domain, const struct la_endpoint *e, struct sockaddr *sa, socklen_t *len)
{
    struct sockaddr_storage whole;
    socklen_t need = address_write(domain, e, &whole);
    memcpy(sa, &whole, *len < need ? *len : need);
    *len = need;
}
