/* Socket options as Linux names and means them: the two calls. The options themselves stand in the
 * files of their levels (sockopt.h).
 *
 * What has no line is ENOPROTOOPT. What has one but a value that the stack cannot do is EOPNOTSUPP.
 *
 * Lengths follow Linux: an int is needed to set, IP's options are content with a byte; of what is
 * read as much is given as fits, and the length comes back. */
#include "posix/sockopt.h"

#include <limits.h>
#include <string.h>

/* ---- for functions of lines ----------------------------------------------------------------- */

int opt_bytes(struct access *a, const void *data, size_t len)
{
    a->len = (socklen_t)(len < a->room ? len : a->room);
    if (a->len)
        memcpy(a->out, data, a->len);
    return 0;
}

int opt_int(struct access *a, int number)
{
    return opt_bytes(a, &number, sizeof(number));
}

bool opt_fresh(struct access *a)
{
    struct la_tcp_info info;
    return !a->k->listening && (!sock_info(a->h, a->k, &info) || info.state == LA_TCP_CLOSED);
}

int opt_core(struct access *a, struct la_tcp_options *o)
{
    return la_sock_get_options(a->h->socks, a->k->lfd, o);
}

int opt_core_change(struct access *a, const struct la_tcp_options *o)
{
    return la_sock_set_options(a->h->socks, a->k->lfd, o);
}

/* ---- finding a line ------------------------------------------------------------------------- */

static const struct option *table_of(int level, size_t *count)
{
    switch (level) {
    case SOL_SOCKET:
        return sockopt_socket(count);
    case IPPROTO_TCP:
        return sockopt_tcp(count);
    default: /* both versions of IP; and what has no line */
        return sockopt_ip(count);
    }
}

/* The first line for this socket that can do what is asked. */
static const struct option *find(const struct px_file *f, int level, int name, bool set)
{
    unsigned kind = f->kind == PX_KIND_STREAM ? STREAM : DATAGRAM;
    size_t count;
    const struct option *table = table_of(level, &count);
    for (size_t i = 0; i < count; i++) {
        const struct option *o = &table[i];
        if (o->level != level || o->name != name || !(o->whose & kind))
            continue;
        if ((o->whose & V6) && f->sock.domain != AF_INET6)
            continue;
        if (o->place == CODE && !(set ? o->set : o->get))
            continue;
        if (o->place == CORE && set && o->most < o->least)
            continue; /* only read */
        return o;
    }
    return NULL;
}

/* ---- fields --------------------------------------------------------------------------------- */

static int set_core(struct access *a, const struct option *o)
{
    struct la_tcp_options options_now;
    int err = opt_core(a, &options_now);
    if (err < 0)
        return err;
    field_put((uint8_t *)&options_now + o->offset, o->width, a->number);
    return opt_core_change(a, &options_now);
}

static int set_with(struct access *a, const struct option *o)
{
    switch (o->place) {
    case CORE:
    case OWN:
        if (a->number < o->least || a->number > o->most)
            return -EINVAL;
        if (o->place == CORE)
            return set_core(a, o);
        field_put((uint8_t *)a->k + o->offset, o->width, a->number);
        return 0;
    case FIXED:
        return a->number == o->least ? 0 : -EOPNOTSUPP;
    case CODE:
        return o->set(a);
    }
    return -ENOPROTOOPT;
}

static int get_with(struct access *a, const struct option *o)
{
    struct la_tcp_options options_now;
    int err;
    switch (o->place) {
    case CORE:
        err = opt_core(a, &options_now);
        return err < 0 ? err
                       : opt_int(a, (int)field_get((uint8_t *)&options_now + o->offset, o->width));
    case OWN:
        return opt_int(a, (int)field_get((uint8_t *)a->k + o->offset, o->width));
    case FIXED:
        return opt_int(a, o->least);
    case CODE:
        return o->get(a);
    }
    return -ENOPROTOOPT;
}

/* ---- the calls ------------------------------------------------------------------------------ */

/* The int that nearly all options are; IP's may come as a byte. */
static int read_int(struct access *a, int level)
{
    if (a->len >= sizeof(a->number))
        memcpy(&a->number, a->value, sizeof(a->number));
    else if (level == IPPROTO_IP && a->len >= 1)
        a->number = *(const uint8_t *)a->value;
    else
        return -EINVAL;
    return 0;
}

int64_t call_setsockopt(struct step *s)
{
    int level = s->c->sockopt.level, name = s->c->sockopt.name;
    struct access a = {.h = s->h,
                       .f = s->f,
                       .k = &s->f->sock,
                       .value = s->c->sockopt.value,
                       .len = s->c->sockopt.len};
    if ((int)a.len < 0)
        return -EINVAL;
    const struct option *o = find(s->f, level, name, true);
    if (!o)
        return -ENOPROTOOPT;
    bool text = (level == IPPROTO_TCP && (name == PX_TCP_CONGESTION || name == PX_TCP_ULP)) ||
                (level == SOL_SOCKET && name == SO_BINDTODEVICE);
    if (!a.value && a.len > 0)
        return -EFAULT;
    if (!a.value && !text)
        return a.len ? -EFAULT : -EINVAL;
    int err = text ? 0 : read_int(&a, level);
    return err < 0 ? err : set_with(&a, o);
}

int64_t call_getsockopt(struct step *s)
{
    int level = s->c->sockopt.level, name = s->c->sockopt.name;
    socklen_t *len = s->c->sockopt.len_ptr;
    if (!len)
        return -EFAULT;
    if ((int)*len < 0)
        return -EINVAL;
    struct access a = {
        .h = s->h, .f = s->f, .k = &s->f->sock, .out = s->c->sockopt.value, .room = *len};
    const struct option *o = find(s->f, level, name, false);
    if (!o)
        return -ENOPROTOOPT;
    if (!a.out && a.room > 0)
        return -EFAULT;
    int err = get_with(&a, o);
    if (err == 0)
        *len = a.len;
    return err;
}

void sockopt_defaults(struct px_host *h, struct px_sock *k)
{
    if (k->type == SOCK_STREAM && h->settings.notsent_lowat != UINT32_MAX)
        (void)sockopt_change_notsent(h, k);
    k->rcv_lowat = 1;
    k->mtu_discover = IP_PMTUDISC_WANT;
    k->ttl = h->settings.options.ttl;
}
