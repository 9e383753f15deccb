/* The cache of path MTUs, see pmtu.h. A linear search: it is asked once per connection or
 * datagram, and has as many entries as paths that are narrower than their link. */
#include "ip/pmtu.h"

#include "base/mem.h"

/* Likely MTUs, RFC 1191 7.1 table 7-1, down to our floor. */
static const uint16_t plateaus[] = {65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 552};

static const struct ip_pmtu_entry *find(const struct ip_pmtu *p, const struct la_addr *dst)
{
    for (uint32_t i = 0; i < p->count; i++) {
        if (mem_equal(p->entries[i].dst.b, dst->b, sizeof(dst->b))) {
            return &p->entries[i];
        }
    }
    return NULL;
}

uint32_t ip_pmtu_get(const struct ip_pmtu *p, const struct la_addr *dst, uint32_t link_mtu,
                     uint64_t now_ns)
{
    const struct ip_pmtu_entry *e = find(p, dst);
    return e && now_ns < e->until_ns && e->mtu < link_mtu ? e->mtu : link_mtu;
}

uint32_t ip_pmtu_reported(bool v6, uint32_t reported, uint32_t packet)
{
    uint32_t mtu = reported;
    if (v6) {
        /* RFC 8201 4: less than the minimum must not be believed */
        return mtu >= IP_PMTU_FLOOR_V6 && mtu < packet ? mtu : 0;
    }
    if (mtu == 0) { /* RFC 1191 5 */
        for (size_t i = 0; i < LA_ARRAY_LEN(plateaus) && mtu == 0; i++) {
            if (plateaus[i] < packet) {
                mtu = plateaus[i];
            }
        }
    }
    if (mtu < IP_PMTU_FLOOR_V4) {
        mtu = IP_PMTU_FLOOR_V4;
    }
    return mtu < packet ? mtu : 0;
}

uint32_t ip_pmtu_set(struct ip_pmtu *p, const struct la_addr *dst, uint32_t mtu, uint32_t link_mtu,
                     uint64_t now_ns)
{
    uint32_t floor = la_addr_is_v4(dst) ? IP_PMTU_FLOOR_V4 : IP_PMTU_FLOOR_V6;
    uint32_t holds = ip_pmtu_get(p, dst, link_mtu, now_ns);
    if (mtu < floor) {
        mtu = floor;
    }
    if (mtu >= holds) { /* RFC 1191 3: a report never raises the estimate */
        return holds;
    }
    const struct ip_pmtu_entry *known = find(p, dst);
    uint32_t slot = known ? (uint32_t)(known - p->entries) : p->count;
    if (slot == IP_PMTU_MAX) {
        slot = 0;
        for (uint32_t i = 1; i < IP_PMTU_MAX; i++) {
            if (p->entries[i].until_ns < p->entries[slot].until_ns) {
                slot = i;
            }
        }
    } else if (slot == p->count) {
        p->count++;
    }
    p->entries[slot] =
        (struct ip_pmtu_entry){.dst = *dst, .until_ns = now_ns + IP_PMTU_AGE_NS, .mtu = mtu};
    return mtu;
}

uint32_t ip_pmtu_confirm(struct ip_pmtu *p, const struct la_addr *dst, uint32_t mtu,
                         uint32_t link_mtu, uint64_t now_ns)
{
    const struct ip_pmtu_entry *known = find(p, dst);
    if (known) {
        p->entries[known - p->entries] = p->entries[--p->count];
    }
    return ip_pmtu_set(p, dst, mtu, link_mtu, now_ns);
}
