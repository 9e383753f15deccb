/* Links by the name a user gives: KIND:ARG. */
#include <string.h>

#include <linux/if.h>

#include "link/message.h"

static int open_tun(const char *arg, uint32_t mtu, bool tap, bool vnet, struct la_link **link,
                    struct la_message *why)
{
    const struct la_tun_options options = {.name = arg, .tap = tap, .vnet = vnet, .mtu = mtu};
    return la_link_tun(&options, link, why);
}

/* The interface belongs to somebody else, so its MTU stays; ours may be smaller. */
static int open_packet(const char *arg, uint32_t mtu, struct la_link **link, struct la_message *why)
{
    struct la_link *opened;
    int rc = la_link_packet(arg, NULL, &opened, why);
    if (rc < 0)
        return rc;
    if (mtu > opened->info.mtu) {
        message_set(why,
                    "MTU %u is more than the %u of %s: raise it there first (ip link set %s "
                    "mtu %u)",
                    mtu, opened->info.mtu, arg, arg, mtu);
        la_link_close(opened);
        return LA_EINVAL;
    }
    if (mtu > 0)
        opened->info.mtu = mtu;
    *link = opened;
    return 0;
}

/* As the kernel wants it (dev_valid_name); "%d" would ask it to number the device itself. */
static bool name_is_valid(const char *name)
{
    size_t len = strlen(name);
    return len >= 1 && len < IFNAMSIZ && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
           strcspn(name, "/:% \t\n\v\f\r") == len;
}

int la_link_open(const char *spec, uint32_t mtu, struct la_link **link, struct la_message *why)
{
    const char *colon = strchr(spec, ':');
    size_t kind_len = colon ? (size_t)(colon - spec) : strlen(spec);
    const char *arg = colon ? colon + 1 : "";
    if (*arg == '\0') {
        message_set(why, "link \"%s\" names no device: write KIND:NAME, for example tun:lastack0",
                    spec);
        return LA_EINVAL;
    }
    if (!name_is_valid(arg)) {
        message_set(why,
                    "\"%.100s\" is no name of an interface: write 1 to 15 characters without /, :, "
                    "%% and space",
                    arg);
        return LA_EINVAL;
    }
    if (kind_len == 3 && memcmp(spec, "tun", 3) == 0)
        return open_tun(arg, mtu, false, true, link, why);
    if (kind_len == 9 && memcmp(spec, "tun-plain", 9) == 0)
        return open_tun(arg, mtu, false, false, link, why);
    if (kind_len == 3 && memcmp(spec, "tap", 3) == 0)
        return open_tun(arg, mtu, true, true, link, why);
    if (kind_len == 6 && memcmp(spec, "packet", 6) == 0)
        return open_packet(arg, mtu, link, why);
    message_set(why,
                "no link kind \"%.*s\": use tun:NAME, tap:NAME, tun-plain:NAME or packet:IFNAME",
                (int)kind_len, spec);
    return LA_EINVAL;
}
