/* Reassembly, see reass.h.
 *
 * A fragment's buffer has its place in the datagram in `seq` and its bytes in data and len. The
 * list of a set is searched from its end, because fragments come in order as a rule. */
#include "ip/reass.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "wire/checksum.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

#define PACKET_MAX 65535

#define ECN_NOT_ECT 0 /* the ECN field (RFC 3168 5) */
#define ECN_CE      3

void ip_reass_init(struct ip_reass *r, struct buf_pool *pool)
{
    mem_zero(r, sizeof(*r));
    r->pool = pool;
    r->next_ns = UINT64_MAX;
}

/* Gives the fragments of a set back; the set stays. */
static void empty_set(struct ip_reass *r, struct ip_set *s)
{
    buf_put_list(r->pool, s->head);
    r->bytes -= s->bytes;
    s->head = NULL;
    s->tail = NULL;
    s->bytes = 0;
    s->have = 0;
    s->count = 0;
    s->header_len = 0;
}

static void drop_set(struct ip_reass *r, struct ip_set *s)
{
    empty_set(r, s);
    s->until_ns = 0;
    r->count--;
}

void ip_reass_destroy(struct ip_reass *r)
{
    for (size_t i = 0; i < IP_SETS_MAX; i++) {
        if (r->sets[i].until_ns) {
            drop_set(r, &r->sets[i]);
        }
    }
}

/* ---- finding and making sets ---------------------------------------------------------------- */

static bool same_source(const struct ip_set *s, const struct ip_fragment *f)
{
    return s->until_ns && mem_equal(s->src.b, f->src.b, sizeof(f->src.b));
}

/* RFC 791 3.2: source, destination, protocol, identification; RFC 8200 4.5: without protocol. */
static bool same_datagram(const struct ip_set *s, const struct ip_fragment *f)
{
    return s->id == f->id && same_source(s, f) && mem_equal(s->dst.b, f->dst.b, sizeof(f->dst.b)) &&
           (s->next == f->next || !la_addr_is_v4(&f->src));
}

/* The oldest set of a fragment's source, or of everybody, but not `keep`. */
static struct ip_set *oldest(struct ip_reass *r, const struct ip_fragment *source,
                             const struct ip_set *keep)
{
    struct ip_set *found = NULL;
    for (size_t i = 0; i < IP_SETS_MAX; i++) {
        struct ip_set *s = &r->sets[i];
        if (s->until_ns && s != keep && (!source || same_source(s, source)) &&
            (!found || s->until_ns < found->until_ns)) {
            found = s;
        }
    }
    return found;
}

static struct ip_set *find_set(struct ip_reass *r, const struct ip_fragment *f)
{
    for (size_t i = 0; i < IP_SETS_MAX; i++) {
        if (same_datagram(&r->sets[i], f)) {
            return &r->sets[i];
        }
    }
    return NULL;
}

static struct ip_set *make_set(struct ip_reass *r, const struct ip_fragment *f, uint64_t now_ns)
{
    size_t of_source = 0;
    for (size_t i = 0; i < IP_SETS_MAX; i++) {
        of_source += same_source(&r->sets[i], f);
    }
    if (of_source == IP_SETS_SOURCE) {
        drop_set(r, oldest(r, f, NULL));
    } else if (r->count == IP_SETS_MAX) {
        drop_set(r, oldest(r, NULL, NULL));
    }
    struct ip_set *s = r->sets;
    while (s->until_ns) {
        s++;
    }
    *s = (struct ip_set){.src = f->src,
                         .dst = f->dst,
                         .until_ns = now_ns + IP_REASS_NS,
                         .id = f->id,
                         .next = f->next,
                         .link = f->link,
                         .to_unicast = true};
    r->count++;
    if (s->until_ns < r->next_ns) {
        r->next_ns = s->until_ns;
    }
    return s;
}

/* ---- memory --------------------------------------------------------------------------------- */

static uint32_t source_bytes(const struct ip_reass *r, const struct ip_fragment *f)
{
    uint32_t bytes = 0;
    for (size_t i = 0; i < IP_SETS_MAX; i++) {
        bytes += same_source(&r->sets[i], f) ? r->sets[i].bytes : 0;
    }
    return bytes;
}

/* Makes room for `more` bytes in the set `keep`; false: there is none for this source. */
static bool make_room(struct ip_reass *r, const struct ip_fragment *f, const struct ip_set *keep,
                      uint32_t more)
{
    while (source_bytes(r, f) + more > IP_REASS_BYTES_SOURCE) {
        struct ip_set *victim = oldest(r, f, keep);
        if (!victim) {
            return false;
        }
        drop_set(r, victim);
    }
    while (r->bytes + more > IP_REASS_BYTES_MAX) {
        struct ip_set *victim = oldest(r, NULL, keep);
        if (!victim) {
            return false;
        }
        drop_set(r, victim);
    }
    return true;
}

/* The memory that the smallest buffer for `size` bytes has. */
static uint32_t fitting(uint32_t size)
{
    if (size <= BUF_SMALL) {
        return BUF_SMALL;
    }
    if (size <= BUF_MTU) {
        return BUF_MTU;
    }
    return size <= BUF_CHUNK ? BUF_CHUNK : BUF_HUGE;
}

/* Bytes to keep of a fragment: only the first one's headers are needed. */
static uint32_t kept_header(const struct ip_fragment *f)
{
    return f->offset == 0 ? f->header_len : 0;
}

/* What keeping a fragment will be charged, see settle(). */
static uint32_t charge_of(const struct ip_fragment *f)
{
    uint32_t fits = fitting(kept_header(f) + f->len);
    return BUF_HEAD + (fits < f->buf->cap ? fits : f->buf->cap);
}

/* The buffer to keep a fragment in: its own, or a smaller copy with its headers before its bytes.
 * The reference is taken over; NULL: no memory. */
static struct la_buf *settle(struct ip_reass *r, const struct ip_fragment *f)
{
    struct la_buf *buf = f->buf;
    uint32_t header_len = kept_header(f);
    /* over IPv6 the fragment header lies between */
    bool adjoining = f->header + f->header_len == f->data || header_len == 0;
    bool small = fitting(header_len + f->len) < buf->cap;

    if (!small && adjoining && buf->refs == 1) {
        buf->data += f->data - buf->data;
        buf->len = f->len;
    } else {
        struct la_buf *copy = buf_get(r->pool, header_len + f->len);
        if (copy) {
            mem_copy(copy->mem, f->header, header_len);
            mem_copy(copy->mem + header_len, f->data, f->len);
            copy->data = copy->mem + header_len;
            copy->len = f->len;
        }
        buf_put(r->pool, buf);
        buf = copy;
    }
    if (buf) {
        buf->seq = f->offset;
    }
    return buf;
}

/* ---- one fragment into its set -------------------------------------------------------------- */

/* The fragment behind which `f` belongs (NULL: at the head). */
static struct la_buf *place(const struct ip_set *s, const struct ip_fragment *f)
{
    if (!s->tail || s->tail->seq < f->offset) {
        return s->tail;
    }
    struct la_buf *before = NULL;
    for (struct la_buf *b = s->head; b && b->seq < f->offset; b = b->next) {
        before = b;
    }
    return before;
}

static struct la_buf *after(const struct ip_set *s, const struct la_buf *before)
{
    return before ? before->next : s->head;
}

static bool overlaps(const struct ip_set *s, const struct la_buf *before,
                     const struct ip_fragment *f)
{
    const struct la_buf *next = after(s, before);
    uint32_t end = f->offset + f->len;
    return (before && before->seq + before->len > f->offset) || (next && next->seq < end) ||
           (s->total && (end > s->total || (!f->more && end != s->total))) ||
           (!f->more && s->tail && s->tail->seq + s->tail->len > end);
}

static bool duplicate(const struct ip_set *s, const struct la_buf *before,
                      const struct ip_fragment *f)
{
    const struct la_buf *next = after(s, before);
    return next && next->seq == f->offset && next->len == f->len &&
           mem_equal(next->data, f->data, f->len) &&
           f->more == (s->total == 0 || f->offset + f->len != s->total);
}

/* RFC 5722 4: what came and what is still to come is discarded. */
static enum la_reason poison(struct ip_reass *r, struct ip_set *s)
{
    empty_set(r, s);
    s->poisoned = true;
    return LA_DROP_FRAGMENT_OVERLAP;
}

static void insert(struct ip_reass *r, struct ip_set *s, struct la_buf *before, struct la_buf *buf)
{
    buf->next = after(s, before);
    if (before) {
        before->next = buf;
    } else {
        s->head = buf;
    }
    if (!buf->next) {
        s->tail = buf;
    }
    s->bytes += buf_charge(buf);
    r->bytes += buf_charge(buf);
    s->have += buf->len;
    s->count++;
}

/* What can be wrong with a fragment alone. */
static bool malformed(const struct ip_fragment *f)
{
    uint32_t end = f->offset + f->len;
    return f->len == 0 || (f->more && f->len % 8) || end > PACKET_MAX ||
           /* IPv4's total length counts the header, IPv6's payload length the extensions */
           end + f->header_len - (la_addr_is_v4(&f->src) ? 0U : WIRE_IPV6_HEADER) > PACKET_MAX;
}

static uint8_t ecn_field(const struct ip_fragment *f)
{
    return (la_addr_is_v4(&f->src) ? f->header[1] : f->header[1] >> 4) & 3;
}

/* Makes the fields of the headers those of a packet that never was in pieces. */
static void heal_header(uint8_t *p, const struct ip_set *s)
{
    bool v4 = la_addr_is_v4(&s->src);
    if (s->ecn & 1 << ECN_CE) {
        p[1] |= (uint8_t)(v4 ? ECN_CE : ECN_CE << 4);
    }
    if (v4) {
        store_be16(p + 2, (uint16_t)(s->header_len + s->total));
        store_be16(p + 6, 0);
        wire_checksum_store(p + WIRE_IPV4_CHECKSUM_OFFSET, 0);
        wire_checksum_store(p + WIRE_IPV4_CHECKSUM_OFFSET,
                            (uint16_t)~wire_fold(wire_sum(p, s->header_len, 0)));
    } else {
        store_be16(p + 4, (uint16_t)(s->header_len - WIRE_IPV6_HEADER + s->total));
        p[s->next_at] = s->next;
    }
}

/* Copies a complete set into one buffer. */
static enum la_reason join(struct ip_reass *r, struct ip_set *s, struct ip_whole *whole)
{
    uint32_t counted = s->header_len - (la_addr_is_v4(&s->src) ? 0U : WIRE_IPV6_HEADER) + s->total;
    if (counted > PACKET_MAX) { /* the first fragment's headers were longer than the last one's */
        return LA_DROP_FRAGMENT;
    }
    if ((s->ecn & 1 << ECN_CE) && (s->ecn & 1 << ECN_NOT_ECT)) {
        return LA_DROP_FRAGMENT_ECN; /* RFC 3168 5.3: it can be told only by a loss */
    }
    struct la_buf *buf = buf_get(r->pool, s->header_len + s->total);
    if (!buf) {
        return LA_DROP_NO_MEMORY;
    }
    mem_copy(buf->data, s->head->data - s->header_len, s->header_len);
    heal_header(buf->data, s);
    uint32_t at = s->header_len;
    for (const struct la_buf *b = s->head; b; b = b->next) {
        mem_copy(buf->data + at, b->data, b->len);
        at += b->len;
    }
    buf->len = at;
    whole->buf = buf;
    whole->header_len = s->header_len;
    whole->link = s->link;
    whole->to_unicast = s->to_unicast;
    return LA_TAKE_FRAGMENT;
}

/* Notes what only the first and the last fragment tell, and what all have in common. */
static void note_ends(struct ip_set *s, const struct ip_fragment *f)
{
    if (f->offset == 0) {
        s->header_len = f->header_len;
        s->next_at = f->next_at;
        s->next = f->next;
        s->link = f->link;
    }
    if (!f->more) {
        s->total = f->offset + f->len;
    }
    s->to_unicast = s->to_unicast && f->to_unicast;
    s->ecn |= (uint8_t)(1 << ecn_field(f));
}

/* Everything but taking the buffer: the reason to drop the fragment, or LA_TAKE_FRAGMENT. */
static enum la_reason judge(struct ip_reass *r, struct ip_set *s, const struct la_buf *before,
                            const struct ip_fragment *f)
{
    if (s->poisoned || duplicate(s, before, f)) {
        return LA_DROP_FRAGMENT_OVERLAP;
    }
    if (overlaps(s, before, f)) {
        return poison(r, s);
    }
    if (s->count == IP_SET_FRAGS_MAX || !make_room(r, f, s, charge_of(f))) {
        empty_set(r, s);
        s->poisoned = true; /* it cannot become whole any more */
        return LA_DROP_FRAGMENT_MEMORY;
    }
    return LA_TAKE_FRAGMENT;
}

enum la_reason ip_reass_input(struct ip_reass *r, const struct ip_fragment *f, uint64_t now_ns,
                              struct ip_whole *whole)
{
    whole->buf = NULL;
    if (malformed(f)) {
        buf_put(r->pool, f->buf);
        return LA_DROP_FRAGMENT;
    }
    struct ip_set *s = find_set(r, f);
    if (!s) {
        s = make_set(r, f, now_ns);
    }
    struct la_buf *before = place(s, f);
    enum la_reason reason = judge(r, s, before, f);
    if (reason != LA_TAKE_FRAGMENT) {
        buf_put(r->pool, f->buf);
        return reason;
    }
    note_ends(s, f);
    struct la_buf *buf = settle(r, f);
    if (!buf) {
        drop_set(r, s);
        return LA_DROP_NO_MEMORY;
    }
    insert(r, s, before, buf);
    if (s->total == 0 || s->have < s->total || s->header_len == 0) {
        return LA_TAKE_FRAGMENT;
    }
    reason = join(r, s, whole);
    drop_set(r, s);
    return reason;
}

/* ---- time ----------------------------------------------------------------------------------- */

bool ip_reass_expire(struct ip_reass *r, uint64_t now_ns, struct ip_whole *first)
{
    uint64_t next_ns = UINT64_MAX;
    first->buf = NULL;
    for (size_t i = 0; i < IP_SETS_MAX && r->count; i++) {
        struct ip_set *s = &r->sets[i];
        if (s->until_ns == 0 || now_ns < s->until_ns) {
            next_ns = s->until_ns && s->until_ns < next_ns ? s->until_ns : next_ns;
            continue;
        }
        if (s->header_len) { /* the first fragment leaves the list before the rest goes */
            struct la_buf *b = buf_ref(s->head);
            b->data -= s->header_len;
            b->len += s->header_len;
            if (!la_addr_is_v4(&s->src)) { /* the fragment header was left out */
                b->data[s->next_at] = s->next;
                store_be16(b->data + 4, (uint16_t)(b->len - WIRE_IPV6_HEADER));
            }
            first->buf = b;
            first->header_len = s->header_len;
            first->link = s->link;
            first->to_unicast = s->to_unicast;
        }
        drop_set(r, s);
        return true;
    }
    r->next_ns = next_ns;
    return false;
}
