/* Reading captures: see capture_read.h. Everything is checked against the file's end before it is
 * read: a capture may be cut off anywhere, and come from anybody. */
#include "drill/capture_read.h"

#include <stdio.h>
#include <string.h>

#define PCAP_US      0xa1b2c3d4u
#define PCAP_NS      0xa1b23c4du
#define PCAPNG       0x0a0d0d0au
#define BYTE_ORDER   0x1a2b3c4du
#define BLOCK_IDB    1
#define BLOCK_SIMPLE 3
#define BLOCK_EPB    6
#define OPT_TSRESOL  9
#define OPT_FLAGS    2

enum {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_RAW_12 = 12,
    LINK_RAW_14 = 14,
    LINK_RAW = 101,
    LINK_SLL = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_SLL2 = 276
};

static bool wrong(struct capture_reader *r, const char *what)
{
    snprintf(r->why, sizeof(r->why), "packet %llu, byte %zu: %s", (unsigned long long)r->number + 1,
             r->at, what);
    return false;
}

static uint32_t word(const struct capture_reader *r, size_t at)
{
    uint32_t v;
    memcpy(&v, r->bytes + at, 4);
    return r->swapped ? __builtin_bswap32(v) : v;
}

static uint16_t half(const struct capture_reader *r, size_t at)
{
    uint16_t v;
    memcpy(&v, r->bytes + at, 2);
    return r->swapped ? __builtin_bswap16(v) : v;
}

static bool has(const struct capture_reader *r, size_t at, size_t len)
{
    return at <= r->len && r->len - at >= len;
}

/* ---- from the link to IP -------------------------------------------------------------------- */

static bool is_ip(uint32_t ethertype)
{
    return ethertype == 0x0800 || ethertype == 0x86dd;
}

static uint32_t net16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

/* Where IP begins in a frame; false: it carries none. */
static bool find_ip(uint32_t link, const uint8_t *bytes, size_t len, size_t *offset)
{
    size_t at = 0;
    switch (link) {
    case LINK_ETHERNET:
        at = 14;
        if (len >= 18 && net16(bytes + 12) == 0x8100)
            at = 18;
        *offset = at;
        return len > at && is_ip(net16(bytes + at - 2));
    case LINK_SLL:
        *offset = 16;
        return len > 16 && is_ip(net16(bytes + 14));
    case LINK_SLL2:
        *offset = 20;
        return len > 20 && is_ip(net16(bytes));
    case LINK_NULL:
        *offset = 4;
        return len > 4;
    case LINK_RAW:
    case LINK_RAW_12:
    case LINK_RAW_14:
    case LINK_IPV4:
    case LINK_IPV6:
        *offset = 0;
        return len > 0;
    default:
        return false;
    }
}

/* IP says itself how long it is: frames may be padded. */
static bool ip_length(const uint8_t *ip, size_t len, size_t *ip_len)
{
    unsigned version = ip[0] >> 4;
    if (version == 4 && len >= 20)
        *ip_len = net16(ip + 2);
    else if (version == 6 && len >= 40)
        *ip_len = net16(ip + 4) + 40;
    else
        return false;
    return *ip_len >= 20 && *ip_len <= len;
}

/* False: not a packet of IP, or not whole. */
static bool give(struct capture_reader *r, uint32_t link, size_t at, size_t len, uint64_t time_ns,
                 enum capture_way way, struct capture_frame *frame)
{
    size_t offset, ip_len;
    r->number++;
    if (!find_ip(link, r->bytes + at, len, &offset) ||
        !ip_length(r->bytes + at + offset, len - offset, &ip_len))
        return false;
    *frame = (struct capture_frame){.ip = r->bytes + at + offset,
                                    .len = ip_len,
                                    .time_ns = time_ns,
                                    .way = way,
                                    .number = r->number};
    return true;
}

static uint64_t to_ns(uint64_t units, uint64_t units_per_s)
{
    uint64_t whole = units / units_per_s, part = units % units_per_s;
    return whole * UINT64_C(1000000000) +
           (uint64_t)((double)part * 1e9 / (double)units_per_s + 0.5);
}

/* ---- pcap ----------------------------------------------------------------------------------- */

static bool pcap_begin(struct capture_reader *r)
{
    if (!has(r, 0, 24))
        return wrong(r, "the file's head is cut off");
    r->interfaces[0].link = word(r, 20) & 0xffff;
    r->interfaces_count = 1;
    r->at = 24;
    return true;
}

static bool pcap_next(struct capture_reader *r, struct capture_frame *frame)
{
    while (has(r, r->at, 16)) {
        uint64_t units =
            (uint64_t)word(r, r->at) * r->interfaces[0].units_per_s + word(r, r->at + 4);
        uint32_t len = word(r, r->at + 8);
        size_t data = r->at + 16;
        if (!has(r, data, len))
            return wrong(r, "the packet is cut off");
        r->at = data + len;
        if (give(r, r->interfaces[0].link, data, len, to_ns(units, r->interfaces[0].units_per_s),
                 CAPTURE_UNKNOWN, frame))
            return true;
    }
    return r->at == r->len ? false : wrong(r, "the packet's head is cut off");
}

/* ---- pcapng --------------------------------------------------------------------------------- */

/* The option's place in a block; 0: it is not there. */
static size_t option(const struct capture_reader *r, size_t at, size_t end, uint16_t code,
                     uint16_t *len)
{
    while (end - at >= 4) {
        uint16_t this_code = half(r, at);
        *len = half(r, at + 2);
        if (this_code == 0 || end - at - 4 < *len)
            return 0;
        if (this_code == code)
            return at + 4;
        size_t whole = 4 + (((size_t)*len + 3) & ~(size_t)3);
        if (end - at < whole)
            return 0;
        at += whole;
    }
    return 0;
}

static uint64_t resolution(uint8_t value)
{
    uint64_t units = 1;
    if (value & 0x80)
        return (value & 0x7f) < 40 ? UINT64_C(1) << (value & 0x7f) : 1000000;
    for (unsigned i = 0; i < value && i < 12; i++)
        units *= 10;
    return units;
}

static bool interface_block(struct capture_reader *r, size_t body, size_t end)
{
    uint16_t len = 0;
    if (end - body < 8 || r->interfaces_count == CAPTURE_INTERFACES_MAX)
        return wrong(r, "an interface too many, or cut off");
    size_t at = option(r, body + 8, end, OPT_TSRESOL, &len);
    r->interfaces[r->interfaces_count].link = half(r, body);
    r->interfaces[r->interfaces_count].units_per_s =
        at > 0 && len >= 1 ? resolution(r->bytes[at]) : 1000000;
    r->interfaces_count++;
    return true;
}

static enum capture_way way_of(const struct capture_reader *r, size_t at, size_t end)
{
    uint16_t len = 0;
    size_t flags = option(r, at, end, OPT_FLAGS, &len);
    if (flags == 0 || len < 4)
        return CAPTURE_UNKNOWN;
    uint32_t way = word(r, flags) & 3;
    return way == 1 ? CAPTURE_IN : way == 2 ? CAPTURE_OUT : CAPTURE_UNKNOWN;
}

/* `*given`: the packet is one of IP. */
static bool packet_block(struct capture_reader *r, size_t body, size_t end,
                         struct capture_frame *frame, bool *given)
{
    if (end - body < 20)
        return wrong(r, "the packet's head is cut off");
    uint32_t interface = word(r, body), len = word(r, body + 12);
    uint64_t units = (uint64_t)word(r, body + 4) << 32 | word(r, body + 8);
    if (interface >= r->interfaces_count)
        return wrong(r, "an interface that was not described");
    if (end - body - 20 < len)
        return wrong(r, "the packet is cut off");
    size_t options = body + 20 + (((size_t)len + 3) & ~(size_t)3);
    enum capture_way way = options < end ? way_of(r, options, end) : CAPTURE_UNKNOWN;
    *given = give(r, r->interfaces[interface].link, body + 20, len,
                  to_ns(units, r->interfaces[interface].units_per_s), way, frame);
    return true;
}

static bool section_block(struct capture_reader *r)
{
    uint32_t order;
    if (!has(r, r->at, 16))
        return wrong(r, "the section's head is cut off");
    memcpy(&order, r->bytes + r->at + 8, 4);
    r->swapped = order != BYTE_ORDER;
    if (r->swapped && __builtin_bswap32(order) != BYTE_ORDER)
        return wrong(r, "neither byte order");
    r->interfaces_count = 0;
    return true;
}

static bool ng_next(struct capture_reader *r, struct capture_frame *frame)
{
    while (has(r, r->at, 12)) {
        uint32_t type = word(r, r->at);
        if (type == PCAPNG && !section_block(r))
            return false;
        uint32_t total = word(r, r->at + 4);
        if (total < 12 || total % 4 != 0 || !has(r, r->at, total))
            return wrong(r, "a block with an impossible length, or cut off");
        size_t body = r->at + 8, end = r->at + total - 4;
        bool given = false, good = true;
        if (type == BLOCK_IDB)
            good = interface_block(r, body, end);
        else if (type == BLOCK_EPB)
            good = packet_block(r, body, end, frame, &given);
        if (!good)
            return false;
        r->at += total;
        if (given)
            return true;
    }
    return false;
}

/* ---- both ----------------------------------------------------------------------------------- */

bool capture_read_begin(struct capture_reader *r, const uint8_t *bytes, size_t len)
{
    uint32_t magic;
    *r = (struct capture_reader){.bytes = bytes, .len = len};
    if (len < 4)
        return wrong(r, "too short for a capture");
    memcpy(&magic, bytes, 4);
    if (magic == PCAPNG) {
        r->next_generation = true;
        return true;
    }
    r->swapped = magic == __builtin_bswap32(PCAP_US) || magic == __builtin_bswap32(PCAP_NS);
    magic = r->swapped ? __builtin_bswap32(magic) : magic;
    if (magic != PCAP_US && magic != PCAP_NS)
        return wrong(r, "neither pcap nor pcapng");
    r->interfaces[0].units_per_s = magic == PCAP_US ? 1000000 : UINT64_C(1000000000);
    return pcap_begin(r);
}

bool capture_read_next(struct capture_reader *r, struct capture_frame *frame)
{
    return r->next_generation ? ng_next(r, frame) : pcap_next(r, frame);
}
