/* What a stack knows for Fast Open: see fastopen.h. */
#include "tcp/fastopen.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/scope.h"

void tfo_init(struct tfo *f, struct memory *memory)
{
    *f = (struct tfo){.memory = memory};
}

void tfo_destroy(struct tfo *f)
{
    if (f->client) {
        memory_put(f->memory, f->client, sizeof(*f->client));
        f->client = NULL;
    }
}

static uint64_t load_le64(const uint8_t *p)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 8; i++) {
        v |= (uint64_t)p[i] << (8 * i);
    }
    return v;
}

void tfo_set_keys(struct tfo *f, const struct la_persona *p, struct sip_key random)
{
    f->key_count = p->fastopen_keys < 2 ? 1 : 2;
    f->keys[0] = random;
    for (unsigned i = 0; i < p->fastopen_keys && i < 2; i++) {
        f->keys[i].k0 = load_le64(p->fastopen_key[i]);
        f->keys[i].k1 = load_le64(p->fastopen_key[i] + 8);
    }
}

/* ---- server --------------------------------------------------------------------------------- */

/* The address as it stands in the IP header; returns its bytes. */
static size_t put_address(uint8_t *p, const struct la_addr *a)
{
    struct la_addr wire = addr_on_wire(a);
    size_t skip = la_addr_is_v4(&wire) ? 12 : 0;
    mem_copy(p, wire.b + skip, sizeof(wire.b) - skip);
    return sizeof(wire.b) - skip;
}

struct tfo_cookie tfo_make(const struct sip_key *key, const struct la_addr *client,
                           const struct la_addr *server)
{
    struct tfo_cookie c = {.len = TFO_COOKIE_BYTES};
    uint8_t in[2 * sizeof(struct la_addr)];
    size_t len = put_address(in, client);
    len += put_address(in + len, server);
    uint64_t hash = siphash24(key, in, len);
    for (unsigned i = 0; i < TFO_COOKIE_BYTES; i++) {
        c.bytes[i] = (uint8_t)(hash >> (8 * i));
    }
    return c;
}

/* In a time that does not tell how much of it is right. */
static bool same_cookie(const struct tfo_cookie *a, const struct tfo_cookie *b)
{
    uint8_t differ = a->len ^ b->len;
    for (unsigned i = 0; i < TFO_COOKIE_BYTES; i++) {
        differ |= a->bytes[i] ^ b->bytes[i];
    }
    return differ == 0;
}

enum tfo_check tfo_check(const struct tfo *f, const struct la_addr *client,
                         const struct la_addr *server, const struct tfo_cookie *cookie)
{
    for (unsigned i = 0; i < f->key_count; i++) {
        struct tfo_cookie right = tfo_make(&f->keys[i], client, server);
        if (same_cookie(cookie, &right)) {
            return i == 0 ? TFO_VALID : TFO_OUTDATED;
        }
    }
    return TFO_INVALID;
}

enum tfo_deed tfo_syn(const struct tfo_question *q)
{
    bool without = q->no_cookie || (q->mode & LA_FASTOPEN_SERVER_NO_COOKIE);
    if (!(q->mode & LA_FASTOPEN_SERVER) || (!q->option && !(q->data && without))) {
        return TFO_PLAIN; /* step 1 */
    }
    if (q->pending >= q->limit) {
        return TFO_PLAIN; /* step 2 */
    }
    if (without) {
        return TFO_TAKE;
    }
    if (q->empty || q->check == TFO_INVALID) {
        return TFO_GIVE; /* step 3 */
    }
    return q->check == TFO_VALID ? TFO_TAKE : TFO_RENEW;
}

/* ---- client --------------------------------------------------------------------------------- */

static bool same_pair(const struct la_addr *client, const struct la_addr *server,
                      const struct flow_key *key)
{
    return la_addr_equal(client, &key->laddr) && la_addr_equal(server, &key->raddr);
}

static struct tfo_server *find_server(struct tfo *f, const struct flow_key *key)
{
    for (unsigned i = 0; f->client && i < TFO_COOKIES; i++) {
        struct tfo_server *s = &f->client->servers[i];
        if (s->used_s != 0 && same_pair(&s->client, &s->server, key)) {
            return s;
        }
    }
    return NULL;
}

static struct tfo_refusal *find_refusal(struct tfo *f, const struct flow_key *key)
{
    for (unsigned i = 0; f->client && i < TFO_REFUSALS; i++) {
        struct tfo_refusal *r = &f->client->refusals[i];
        if (r->last_s != 0 && r->port == key->rport && same_pair(&r->client, &r->server, key)) {
            return r;
        }
    }
    return NULL;
}

static bool remember(struct tfo *f)
{
    if (!f->client) {
        f->client = memory_get(f->memory, sizeof(*f->client), 8);
        if (f->client) {
            mem_zero(f->client, sizeof(*f->client));
        }
    }
    return f->client != NULL;
}

/* Times are seconds of the stack and never 0, which stands for an empty entry. */
static uint32_t stamp(uint32_t now_s)
{
    return now_s ? now_s : 1;
}

bool tfo_doubtful(struct tfo *f, const struct flow_key *key, uint8_t strikes, uint32_t now_s)
{
    if (f->blackhole_until_s != 0 && now_s < f->blackhole_until_s) {
        return true;
    }
    const struct tfo_refusal *r = find_refusal(f, key);
    return r && r->strikes >= strikes && now_s - r->last_s < TFO_REFUSED_S;
}

struct tfo_cookie tfo_known(struct tfo *f, const struct flow_key *key, uint16_t *mss,
                            uint32_t now_s)
{
    struct tfo_server *s = find_server(f, key);
    *mss = 0;
    if (!s) {
        return (struct tfo_cookie){.len = 0};
    }
    s->used_s = stamp(now_s);
    *mss = s->mss;
    return s->cookie;
}

void tfo_learned(struct tfo *f, const struct flow_key *key, uint16_t mss,
                 const struct tfo_cookie *cookie, bool worth, uint32_t now_s)
{
    struct tfo_server *s = find_server(f, key);
    if (!s && (!worth || !remember(f))) {
        return;
    }
    if (!s) {
        s = &f->client->servers[0];
        for (unsigned i = 1; i < TFO_COOKIES; i++) {
            s = f->client->servers[i].used_s < s->used_s ? &f->client->servers[i] : s;
        }
        *s = (struct tfo_server){.client = key->laddr, .server = key->raddr};
    }
    s->used_s = stamp(now_s);
    s->mss = mss ? mss : s->mss;
    s->cookie = cookie->len ? *cookie : s->cookie; /* RFC 7413 4.1.3: the most recent one */
}

void tfo_refused(struct tfo *f, const struct flow_key *key, uint32_t now_s)
{
    if (!remember(f)) {
        return;
    }
    struct tfo_refusal *r = find_refusal(f, key);
    if (!r) {
        r = &f->client->refusals[0];
        for (unsigned i = 1; i < TFO_REFUSALS; i++) {
            r = f->client->refusals[i].last_s < r->last_s ? &f->client->refusals[i] : r;
        }
        *r = (struct tfo_refusal){.client = key->laddr, .server = key->raddr, .port = key->rport};
    }
    r->strikes = r->strikes < UINT8_MAX ? (uint8_t)(r->strikes + 1) : r->strikes;
    r->last_s = stamp(now_s);
}

void tfo_worked(struct tfo *f, const struct flow_key *key)
{
    struct tfo_refusal *r = find_refusal(f, key);
    if (r) {
        r->last_s = 0;
    }
    f->blackholes = 0;
    f->blackhole_until_s = 0;
}

void tfo_blackhole(struct tfo *f, uint32_t first_s, uint32_t now_s)
{
    if (first_s == 0) {
        return;
    }
    uint64_t for_s = (uint64_t)first_s << f->blackholes;
    uint64_t until_s = now_s + for_s;
    f->blackholes = f->blackholes < 6 ? (uint8_t)(f->blackholes + 1) : f->blackholes;
    f->blackhole_until_s = until_s < UINT32_MAX ? (uint32_t)until_s : UINT32_MAX;
}
