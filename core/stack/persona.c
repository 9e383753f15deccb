/* The choices of a stack: <lastack/persona.h>. */
#include "stack/stack.h"

#include "base/mem.h"
#include "tcp/flight.h"

void la_persona_init(struct la_persona *p)
{
    mem_zero(p, sizeof(*p));
    p->syn_order = LA_SYN_MSS_SACK_TS_WS;
    p->window_shift = 255;
    p->rto_initial_ms = 1000; /* RFC 6298 2.1 */
    p->rto_max_ms = 60000;    /* RFC 6298 2.5 */
    p->ack_segs = 2;          /* RFC 9293 3.8.6.3, SHLD-19 */
    p->push = LA_PUSH_QUEUE;
    p->challenges = 10;
    p->initial_window_segs = 10; /* RFC 6928 2 */
    p->initial_window_bytes = true;
    p->growth = LA_GROWTH_FULL;
    p->hystart = LA_HYSTART_PLUS;
    p->validation = true;
    p->dup_thresh = TCP_DUP_THRESH;
    p->rack = p->tlp = p->frto = true;
    p->fastopen_blackhole_s = 3600;
    p->fastopen_strikes = 1;
}

bool stack_persona_ok(const struct la_persona *p)
{
    return p->syn_order <= LA_SYN_MSS_WS_SACK_TS &&
           (p->window_shift <= 14 || p->window_shift == 255) && p->rto_initial_ms != 0 &&
           p->rto_max_ms >= p->rto_initial_ms && p->rto_max_ms <= 24U * 3600 * 1000 &&
           p->rto_var_min_ms <= p->rto_max_ms && p->ack_segs != 0 && p->push <= LA_PUSH_WRITE &&
           p->initial_window_segs != 0 && p->initial_window_segs <= 1024 &&
           p->growth <= LA_GROWTH_DOUBLE && p->hystart <= LA_HYSTART_OFF && p->dup_thresh != 0 &&
           p->fastopen_strikes != 0 && p->fastopen_keys <= 2;
}

void la_stack_persona(const struct la_stack *s, struct la_persona *persona)
{
    *persona = s->env.persona;
}

int la_stack_set_persona(struct la_stack *s, const struct la_persona *persona)
{
    if (!stack_persona_ok(persona)) {
        return LA_EINVAL;
    }
    s->env.persona = *persona;
    stack_fastopen_keys(s);
    return LA_OK;
}

void stack_fastopen_keys(struct la_stack *s)
{
    struct sip_key own = {.k0 = siphash24(&s->cookie_key, "fastopen 0", 10),
                          .k1 = siphash24(&s->cookie_key, "fastopen 1", 10)};
    tfo_set_keys(&s->tfo, &s->env.persona, own);
}
