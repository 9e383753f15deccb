/* A live node: see node.h. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "apps/common/node.h"

#define MTU_IPV6_MIN 1280 /* RFC 8200 5 */
#define RECORDS_MAX  1024

static struct la_addr world_addr(bool v6, uint8_t host)
{
    const struct la_addr in_v6 = {{0xfd, 0x87, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host}};
    return v6 ? in_v6 : la_addr_v4(10, 87, 0, host);
}

struct la_addr node_kernel_addr(bool v6)
{
    return world_addr(v6, 1);
}

struct la_addr node_lastack_addr(bool v6)
{
    return world_addr(v6, 2);
}

__attribute__((format(printf, 2, 3))) static void explain(struct la_message *why,
                                                          const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why->text, sizeof(why->text), format, args);
    va_end(args);
}

/* ---- the seed ------------------------------------------------------------------------------- */

/* Spreads a number over the seed (the finalizer of SplitMix64). */
static void seed_from(uint64_t number, uint8_t seed[32])
{
    for (size_t i = 0; i < 32; i += sizeof(number)) {
        uint64_t z = number += UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        z ^= z >> 31;
        memcpy(seed + i, &z, sizeof(z));
    }
}

static int seed_make(const struct node_options *options, uint8_t seed[32], struct la_message *why)
{
    if (options->seeded) {
        seed_from(options->seed, seed);
        return 0;
    }
    int rc = la_host_seed(seed);
    if (rc < 0)
        explain(why, "no random bytes for a seed: give one with --seed");
    return rc;
}

/* ---- the link and what stands on it --------------------------------------------------------- */

/* The capture is opened before the world is made: in a user namespace even root has only its own
 * rights. The link opens it again by its descriptor. */
static int pcap_reserve(const char *path, struct la_message *why)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd >= 0)
        return fd;
    int error = -errno;
    explain(why, "cannot write the capture %.150s: %s; choose another place", path,
            strerror(-error));
    return error;
}

/* Puts the wrappers on the link; on failure the link is closed. */
static int wrap(struct la_link **link, const struct node_options *options, int pcap_fd,
                const uint8_t seed[32], struct la_message *why)
{
    int rc = 0;
    if (options->impaired) {
        uint64_t number;
        memcpy(&number, seed, sizeof(number));
        rc = la_link_impair(*link, &options->impair, &options->impair, number, link);
        if (rc < 0)
            explain(why, "cannot impair the link: %s", la_err_text(rc));
    }
    if (rc == 0 && pcap_fd >= 0) {
        char path[32];
        snprintf(path, sizeof(path), "/proc/self/fd/%d", pcap_fd);
        rc = la_link_pcapng(*link, path, link, why);
    }
    if (rc < 0)
        la_link_close(*link);
    return rc;
}

static bool device_ask(const char *device, unsigned long request, struct ifreq *ifr)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    *ifr = (struct ifreq){0};
    snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%.15s", device);
    bool known = fd >= 0 && ioctl(fd, request, ifr) == 0;
    if (fd >= 0)
        close(fd);
    return known;
}

/* Does the interface of the link stand, but not up? */
static bool link_is_down(const char *device)
{
    struct ifreq ifr;
    return device_ask(device, SIOCGIFFLAGS, &ifr) && (ifr.ifr_flags & IFF_UP) == 0;
}

/* A longer queue where we may; where not, node_drops() tells whether it was needed. */
static void queue_lengthen(const char *device)
{
    struct la_message why;
    struct ifreq ifr;
    if (device_ask(device, SIOCGIFTXQLEN, &ifr) && ifr.ifr_qlen < NODE_QUEUE_FRAMES)
        (void)la_net_link_queue(device, NODE_QUEUE_FRAMES, &why);
}

static bool is_tun(const char *link_name)
{
    return strncmp(link_name, "tun:", 4) == 0 || strncmp(link_name, "tap:", 4) == 0;
}

static uint64_t drops_now(const char *device)
{
    struct la_message why;
    struct la_net_drops drops;
    return la_net_link_drops(device, &drops, &why) == 0 ? drops.to_us : 0;
}

const char *node_device(const struct node *node)
{
    const char *colon = strchr(node->link_name, ':');
    return colon ? colon + 1 : node->link_name;
}

uint64_t node_drops(const struct node *node)
{
    if (!node->drops_counted)
        return 0;
    uint64_t now = drops_now(node_device(node));
    return now > node->drops_before ? now - node->drops_before : 0;
}

static int link_make(struct node *node, const struct node_options *options, struct la_link **link,
                     struct la_message *why)
{
    if (options->link) {
        int rc = la_link_open(options->link, options->mtu, link, why);
        if (rc < 0)
            return rc;
        snprintf(node->link_name, sizeof(node->link_name), "%s", (*link)->name);
        node->link_down = link_is_down(node_device(node));
        if (is_tun(node->link_name))
            queue_lengthen(node_device(node));
        return 0;
    }
    enum la_world_kind kind;
    int rc = la_world_make(options->mtu, &kind, link, why);
    if (rc < 0)
        return rc;
    snprintf(node->link_name, sizeof(node->link_name), "%s", (*link)->name);
    node->kind = kind == LA_WORLD_TUN ? NODE_TUN : NODE_VETH;
    node->how = *why;
    return 0;
}

/* ---- the stack ------------------------------------------------------------------------------ */

static int address_give(struct node *node, const struct la_addr *addr, uint8_t prefix,
                        struct la_message *why)
{
    char text[LA_ADDR_TEXT_MAX];
    int rc = la_stack_addr_add(node->stack, la_host_link_id(node->host), addr, prefix);
    if (rc < 0) {
        la_addr_format(addr, text);
        explain(why, "cannot take the address %s/%u: %s", text, prefix, la_err_text(rc));
    }
    return rc;
}

static void addresses_default(struct node_options *options, uint32_t mtu)
{
    options->addrs[0].addr = node_lastack_addr(false);
    options->addrs[0].prefix = 24;
    options->addrs[1].addr = node_lastack_addr(true);
    options->addrs[1].prefix = 64;
    options->addrs_count = mtu >= MTU_IPV6_MIN ? 2 : 1;
}

static int gateway_give(struct node *node, const struct node_options *options,
                        const struct la_addr *gateway, struct la_message *why)
{
    char text[LA_ADDR_TEXT_MAX];
    struct la_addr all = la_addr_is_v4(gateway) ? la_addr_any_v4() : la_addr_any_v6();
    bool near = la_addr_is_link_local(gateway);
    int rc = LA_ENETUNREACH;
    for (size_t i = 0; i < options->addrs_count; i++)
        near |= la_addr_in_prefix(gateway, &options->addrs[i].addr, options->addrs[i].prefix);
    if (near)
        rc = la_stack_route_add(node->stack, la_host_link_id(node->host), &all, 0, gateway);
    if (rc < 0) {
        la_addr_format(gateway, text);
        explain(why, "cannot use the gateway %s: %s; choose one in the network of an --addr", text,
                la_err_text(rc));
    }
    return rc;
}

static int addresses_give(struct node *node, const struct node_options *options,
                          struct la_message *why)
{
    int rc = 0;
    for (size_t i = 0; i < options->addrs_count && rc == 0; i++)
        rc = address_give(node, &options->addrs[i].addr, options->addrs[i].prefix, why);
    for (size_t i = 0; i < options->gateways_count && rc == 0; i++)
        rc = gateway_give(node, options, &options->gateways[i], why);
    return rc;
}

static struct la_stack *stack_make(const struct node_options *options, const uint8_t seed[32])
{
    struct la_config config;
    la_config_init(&config);
    config.allocator = la_host_allocator();
    memcpy(config.seed, seed, sizeof(config.seed));
    if (options->msl_ns > 0)
        config.msl_ns = options->msl_ns;
    if (options->time_wait_ns > 0)
        config.time_wait_ns = options->time_wait_ns;
    return la_stack_create(&config, la_clock_ns());
}

/* Joins link and stack; the link is closed on failure. */
static int join(struct node *node, struct la_link *link, const struct node_options *options,
                const uint8_t seed[32], struct la_message *why)
{
    struct node_options with_addresses = *options;
    if (options->addrs_count == 0)
        addresses_default(&with_addresses, link->info.mtu);
    snprintf(node->link_name, sizeof(node->link_name), "%s", link->name);
    node->drops_counted = is_tun(node->link_name);
    if (node->drops_counted)
        node->drops_before = drops_now(node_device(node));
    node->stack = stack_make(options, seed);
    int rc = node->stack ? la_host_create(node->stack, link, &node->host) : LA_ENOMEM;
    if (rc < 0) {
        explain(why, "cannot make a stack for %s: %s", link->name, la_err_text(rc));
        la_link_close(link);
        if (node->stack)
            la_stack_destroy(node->stack);
        return rc;
    }
    rc = addresses_give(node, &with_addresses, why);
    if (rc < 0)
        node_close(node);
    return rc;
}

int node_open(struct node *node, const struct node_options *options, struct la_link *given,
              struct la_message *why)
{
    struct la_link *link = given;
    uint8_t seed[32];
    int pcap_fd = -1;
    *node = (struct node){.kind = NODE_LINK};
    int rc = seed_make(options, seed, why);
    if (rc == 0 && options->pcap)
        rc = pcap_fd = pcap_reserve(options->pcap, why);
    if (rc >= 0 && !given)
        rc = link_make(node, options, &link, why);
    if (rc < 0 && given)
        la_link_close(given);
    if (rc >= 0)
        rc = wrap(&link, options, pcap_fd, seed, why);
    if (rc >= 0)
        rc = join(node, link, options, seed, why);
    if (pcap_fd >= 0)
        close(pcap_fd);
    return rc;
}

void node_close(struct node *node)
{
    if (node->host)
        la_host_destroy(node->host);
    node->host = NULL;
    node->stack = NULL;
}

/* ---- its life ------------------------------------------------------------------------------- */

int node_turn(struct node *node, uint64_t until_ns)
{
    int rc = la_host_turn(node->host, until_ns);
    node->clock_ns = la_clock_ns();
    return rc < 0 && rc != LA_EINTR ? rc : 0;
}

/* Takes out the records that say that others were lost, and counts those. */
static size_t without_losses(struct node *node, struct la_trace_record *records, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (records[i].reason == LA_TRACE_LOST)
            node->trace_lost += records[i].seq;
        else
            records[kept++] = records[i];
    }
    return kept;
}

void node_trace(struct node *node, struct la_diagram *diagram)
{
    struct la_trace_record records[RECORDS_MAX];
    size_t n;
    do {
        n = la_stack_trace(node->stack, records, RECORDS_MAX);
        size_t kept = without_losses(node, records, n);
        if (diagram && kept > 0)
            la_diagram_add(diagram, records, kept);
    } while (n == RECORDS_MAX);
}
