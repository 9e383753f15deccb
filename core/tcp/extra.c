/* The memory of what few connections need: see extra.h. */
#include "tcp/extra.h"

#include "tcp/tcp.h"

struct tcp_extra *tcp_extra_get(struct tcb *t, struct tcp_env *env)
{
    if (!t->extra) {
        t->extra = slab_get(env->extras);
    }
    return tcp_extra_of(t, env);
}

void tcp_extra_drop(struct tcb *t, struct tcp_env *env)
{
    if (t->extra) {
        slab_put(env->extras, t->extra);
        t->extra = 0;
    }
}

static bool wanted(const struct la_tcp_options *o)
{
    return o->unsent_most != 0 || o->window_clamp != 0 || o->rcv_lowat > 1 || o->fastopen ||
           o->fastopen_no_cookie;
}

bool tcp_extra_pack(struct tcb *t, struct tcp_env *env, const struct la_tcp_options *o)
{
    if (!t->extra && !wanted(o)) {
        return true;
    }
    struct tcp_extra *x = tcp_extra_get(t, env);
    if (!x) {
        return false;
    }
    x->unsent_most = o->unsent_most;
    x->window_clamp = o->window_clamp;
    x->rcv_lowat = o->rcv_lowat;
    x->tfo &= (uint16_t) ~(TFO_OPTION | TFO_NO_COOKIE);
    x->tfo |= o->fastopen ? TFO_OPTION : 0;
    x->tfo |= o->fastopen_no_cookie ? TFO_NO_COOKIE : 0;
    return true;
}

void tcp_extra_unpack(struct la_tcp_options *o, const struct tcb *t, const struct tcp_env *env)
{
    const struct tcp_extra *x = tcp_extra_of(t, env);
    if (x) {
        o->unsent_most = x->unsent_most;
        o->window_clamp = x->window_clamp;
        o->rcv_lowat = x->rcv_lowat;
        o->fastopen = (x->tfo & TFO_OPTION) != 0;
        o->fastopen_no_cookie = (x->tfo & TFO_NO_COOKIE) != 0;
    }
}

void tcp_extra_turn_over(struct tcb *t, const struct tcp_env *env)
{
    const struct tcp_extra *x = tcp_extra_of(t, env);
    if (x->unsent_most != 0 && seq_len(t->snd_nxt, t->snd_end) < x->unsent_most) {
        t->todo |= TCP_DO_WRITABLE;
    }
}
