/* A small world: a namespace of our own with the kernel on one side of a link and Lastack on the
 * other, so that both stacks can talk without any right outside.
 *
 * TUN is the shorter way (no Ethernet, one descriptor), but needs /dev/net/tun to be open to us.
 * Else a veth pair: the kernel has its addresses on one end, Lastack opens the other with
 * AF_PACKET; the kernel must stay silent there. */
#include <stdio.h>
#include <unistd.h>

#include <lastack/host.h>

#include "link/message.h"

#define TUN_NAME     "lastack0"
#define VETH_KERNEL  "kernel0"
#define VETH_LASTACK "lastack0"
#define MTU_DEFAULT  1500
#define MTU_IPV6_MIN 1280 /* RFC 8200 5: below, the kernel has no IPv6 on the link */
#define V4_PREFIX    24
#define V6_PREFIX    64

#define TUN_QUEUE_FRAMES 10000

/* fd87::1 */
static const struct la_addr kernel_v6 = {{0xfd, 0x87, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

/* Brings the kernel's side up with its addresses. */
static int kernel_side(const char *ifname, uint32_t mtu, struct la_message *why)
{
    const struct la_addr v4 = la_addr_v4(10, 87, 0, 1);
    int rc = la_net_link_up(ifname, mtu, why);
    if (rc == 0)
        rc = la_net_addr_add(ifname, &v4, V4_PREFIX, why);
    if (rc == 0 && mtu >= MTU_IPV6_MIN)
        rc = la_net_addr_add(ifname, &kernel_v6, V6_PREFIX, why);
    return rc;
}

static int tun_make(uint32_t mtu, struct la_link **link, struct la_message *why)
{
    const struct la_tun_options options = {.name = TUN_NAME, .vnet = true, .mtu = mtu};
    int rc = la_link_tun(&options, link, why);
    if (rc < 0)
        return rc;
    rc = la_net_link_quiet(TUN_NAME, why);
    if (rc == 0)
        rc = la_net_link_queue(TUN_NAME, TUN_QUEUE_FRAMES, why);
    if (rc == 0)
        rc = kernel_side(TUN_NAME, mtu, why);
    if (rc < 0)
        la_link_close(*link);
    return rc;
}

static int veth_make(uint32_t mtu, struct la_link **link, struct la_message *why)
{
    int rc = la_net_veth_add(VETH_KERNEL, VETH_LASTACK, why);
    if (rc < 0)
        return rc;
    rc = la_net_link_quiet(VETH_LASTACK, why);
    if (rc == 0)
        rc = la_net_link_up(VETH_LASTACK, mtu, why);
    if (rc == 0)
        rc = kernel_side(VETH_KERNEL, mtu, why);
    if (rc == 0)
        rc = la_net_link_wait(VETH_KERNEL, why);
    if (rc == 0)
        rc = la_net_link_wait(VETH_LASTACK, why);
    if (rc == 0)
        rc = la_link_packet(VETH_LASTACK, NULL, link, why);
    if (rc < 0)
        (void)la_net_link_del(VETH_KERNEL, NULL);
    return rc;
}

int la_world_make(uint32_t mtu, enum la_world_kind *kind, struct la_link **link,
                  struct la_message *why)
{
    struct la_message tun_why, veth_why;
    if (mtu == 0)
        mtu = MTU_DEFAULT;
    int rc = la_ns_enter_new(why);
    if (rc < 0)
        return rc;
    if (tun_make(mtu, link, &tun_why) == 0) {
        *kind = LA_WORLD_TUN;
        message_set(why, "TUN device " TUN_NAME " in a namespace of its own");
        return 0;
    }
    rc = veth_make(mtu, link, &veth_why);
    if (rc == 0) {
        *kind = LA_WORLD_VETH;
        message_set(why, "veth pair with AF_PACKET in a namespace of its own, since %s",
                    tun_why.text);
        return 0;
    }
    message_set(why, "no TUN: %.120s; no veth either: %.120s", tun_why.text, veth_why.text);
    return rc;
}

void la_world_enter_command(char *text, size_t len)
{
    snprintf(text, len, "nsenter -t %ld -U -n --preserve-credentials", (long)getpid());
}
