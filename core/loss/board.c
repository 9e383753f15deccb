/* The scoreboard: see board.h.
 *
 * The treap is a search tree by sequence number and a heap by a priority that follows from a run's
 * index, so no number has to be kept or drawn; rotations keep it shallow whatever order runs come
 * and go in. */
#include "loss/board.h"

/* Scrambles an index (the finaliser of a multiplicative hash): neighbours get unlike priorities. */
static uint32_t priority(uint32_t index)
{
    uint32_t x = index * 0x9e3779b1U;
    x = (x ^ x >> 15) * 0x85ebca6bU;
    return x ^ x >> 13;
}

/* ---- the treap ------------------------------------------------------------------------------ */

static void replace_child(struct board *b, uint32_t parent, uint32_t old, uint32_t new)
{
    if (!parent) {
        b->root = new;
    } else if (board_at(b, parent)->left == old) {
        board_at(b, parent)->left = new;
    } else {
        board_at(b, parent)->right = new;
    }
    if (new) {
        board_at(b, new)->parent = parent;
    }
}

/* Child and parent change places; the order stays. */
static void rotate_up(struct board *b, uint32_t child)
{
    struct run *c = board_at(b, child);
    uint32_t parent = c->parent;
    struct run *p = board_at(b, parent);
    uint32_t inner;

    replace_child(b, p->parent, parent, child);
    if (p->left == child) {
        inner = c->right;
        p->left = inner;
        c->right = parent;
    } else {
        inner = c->left;
        p->right = inner;
        c->left = parent;
    }
    p->parent = child;
    if (inner) {
        board_at(b, inner)->parent = parent;
    }
}

static uint32_t leftmost(const struct board *b, uint32_t index)
{
    while (board_at(b, index)->left) {
        index = board_at(b, index)->left;
    }
    return index;
}

static uint32_t rightmost(const struct board *b, uint32_t index)
{
    while (board_at(b, index)->right) {
        index = board_at(b, index)->right;
    }
    return index;
}

uint32_t board_next(const struct board *b, uint32_t index)
{
    const struct run *r = board_at(b, index);
    if (r->right) {
        return leftmost(b, r->right);
    }
    uint32_t parent = r->parent;
    while (parent && board_at(b, parent)->right == index) {
        index = parent;
        parent = board_at(b, index)->parent;
    }
    return parent;
}

uint32_t board_prev(const struct board *b, uint32_t index)
{
    const struct run *r = board_at(b, index);
    if (r->left) {
        return rightmost(b, r->left);
    }
    uint32_t parent = r->parent;
    while (parent && board_at(b, parent)->left == index) {
        index = parent;
        parent = board_at(b, index)->parent;
    }
    return parent;
}

/* Puts a run behind `before` (0: an empty tree) in the order of the tree. */
static void tree_insert(struct board *b, uint32_t before, uint32_t index)
{
    struct run *r = board_at(b, index);
    r->left = r->right = r->parent = 0;
    if (!before) {
        b->root = index;
    } else if (!board_at(b, before)->right) {
        board_at(b, before)->right = index;
        r->parent = before;
    } else {
        uint32_t at = leftmost(b, board_at(b, before)->right);
        board_at(b, at)->left = index;
        r->parent = at;
    }
    while (r->parent && priority(r->parent) < priority(index)) {
        rotate_up(b, index);
    }
}

static void tree_remove(struct board *b, uint32_t index)
{
    const struct run *r = board_at(b, index);
    while (r->left && r->right) {
        rotate_up(b, priority(r->left) > priority(r->right) ? r->left : r->right);
    }
    replace_child(b, r->parent, index, r->left ? r->left : r->right);
}

/* ---- the two lists --------------------------------------------------------------------------- */

static void list_append(struct board *b, struct run_list *l, uint32_t index)
{
    struct run *r = board_at(b, index);
    r->next = 0;
    r->prev = l->tail;
    if (l->tail) {
        board_at(b, l->tail)->next = index;
    } else {
        l->head = index;
    }
    l->tail = index;
}

static void list_insert_behind(struct board *b, struct run_list *l, uint32_t before, uint32_t index)
{
    struct run *r = board_at(b, index);
    r->prev = before;
    r->next = board_at(b, before)->next;
    board_at(b, before)->next = index;
    if (r->next) {
        board_at(b, r->next)->prev = index;
    } else {
        l->tail = index;
    }
}

static void list_prepend(struct board *b, struct run_list *l, uint32_t index)
{
    struct run *r = board_at(b, index);
    r->prev = 0;
    r->next = l->head;
    if (l->head) {
        board_at(b, l->head)->prev = index;
    } else {
        l->tail = index;
    }
    l->head = index;
}

static void list_remove(struct board *b, struct run_list *l, uint32_t index)
{
    struct run *r = board_at(b, index);
    if (r->prev) {
        board_at(b, r->prev)->next = r->next;
    } else {
        l->head = r->next;
    }
    if (r->next) {
        board_at(b, r->next)->prev = r->prev;
    } else {
        l->tail = r->prev;
    }
    r->next = r->prev = 0;
}

/* The list a run stands in; NULL for a SACKed one. */
static struct run_list *list_of(struct board *b, const struct run *r)
{
    if (r->flags & RUN_SACKED) {
        return NULL;
    }
    return (r->flags & RUN_LOST) && !(r->flags & RUN_RTX) ? &b->lost : &b->flying;
}

static void leave_list(struct board *b, uint32_t index)
{
    struct run_list *l = list_of(b, board_at(b, index));
    if (l) {
        list_remove(b, l, index);
    }
}

/* ---- sums ------------------------------------------------------------------------------------ */

/* Adds (or takes away) `len` bytes of a run in state `flags`. */
static void count(struct board *b, uint8_t flags, uint32_t len, bool add)
{
    uint32_t n = add ? len : 0 - len;
    b->bytes += n;
    b->sacked_bytes += (flags & RUN_SACKED) ? n : 0;
    b->lost_bytes += (flags & RUN_LOST) ? n : 0;
    b->rtx_bytes += (flags & RUN_RTX) ? n : 0;
}

static void set_flags(struct board *b, struct run *r, uint8_t flags)
{
    uint32_t len = seq_len(r->seq, r->end);
    count(b, r->flags, len, false);
    r->flags = flags;
    count(b, r->flags, len, true);
}

/* ---- the board ------------------------------------------------------------------------------- */

void board_init(struct board *b, struct slab *runs)
{
    *b = (struct board){.runs = runs};
}

void board_clear(struct board *b)
{
    while (b->first) {
        board_pop(b);
    }
    if (b->spare) {
        slab_put(b->runs, b->spare);
        b->spare = 0;
    }
}

bool board_ready(struct board *b)
{
    if (!b->spare) {
        b->spare = slab_get(b->runs);
    }
    return b->spare != 0;
}

uint32_t board_add(struct board *b, seq32 seq, seq32 end, uint64_t now_ns)
{
    uint32_t index = b->spare ? b->spare : slab_get(b->runs);
    b->spare = 0;
    if (!index) {
        return 0;
    }
    struct run *r = board_at(b, index);
    r->sent_ns = now_ns;
    r->seq = seq;
    r->end = end;
    r->times = 1;
    tree_insert(b, b->last, index);
    list_append(b, &b->flying, index);
    b->last = index;
    if (!b->first) {
        b->first = index;
    }
    b->count++;
    count(b, 0, seq_len(seq, end), true);
    return index;
}

void board_extend(struct board *b, seq32 end)
{
    struct run *r = board_at(b, b->last);
    count(b, r->flags, seq_len(r->end, end), true);
    r->end = end;
}

uint32_t board_find(const struct board *b, seq32 seq)
{
    uint32_t index = b->root;
    while (index) {
        const struct run *r = board_at(b, index);
        if (seq_lt(seq, r->seq)) {
            index = r->left;
        } else if (seq_ge(seq, r->end)) {
            index = r->right;
        } else {
            return index;
        }
    }
    return 0;
}

uint32_t board_split(struct board *b, uint32_t index, seq32 at)
{
    uint32_t second = slab_get(b->runs);
    if (!second) {
        return 0;
    }
    struct run *r = board_at(b, index);
    struct run *s = board_at(b, second);
    *s = *r;
    s->seq = at;
    r->end = at;
    tree_insert(b, index, second);
    struct run_list *l = list_of(b, r);
    if (l) {
        list_insert_behind(b, l, index, second);
    }
    if (b->last == index) {
        b->last = second;
    }
    b->count++;
    b->sacked_runs += (r->flags & RUN_SACKED) ? 1 : 0;
    return second;
}

/* Takes a run out of everything. */
static void take_out(struct board *b, uint32_t index)
{
    struct run *r = board_at(b, index);
    count(b, r->flags, seq_len(r->seq, r->end), false);
    b->sacked_runs -= (r->flags & RUN_SACKED) ? 1 : 0;
    leave_list(b, index);
    if (b->first == index) {
        b->first = board_next(b, index);
    }
    if (b->last == index) {
        b->last = board_prev(b, index);
    }
    tree_remove(b, index);
    b->count--;
    slab_put(b->runs, index);
}

void board_pop(struct board *b)
{
    take_out(b, b->first);
}

void board_trim(struct board *b, seq32 una)
{
    struct run *r = board_at(b, b->first);
    count(b, r->flags, seq_len(r->seq, una), false);
    r->seq = una;
}

/* Joins a SACKed run with the one before it, when that is SACKed as well. */
static uint32_t join_prev(struct board *b, uint32_t index)
{
    uint32_t prev = board_prev(b, index);
    if (!prev || !(board_at(b, prev)->flags & RUN_SACKED)) {
        return index;
    }
    seq32 end = board_at(b, index)->end;
    take_out(b, index);
    struct run *p = board_at(b, prev);
    count(b, p->flags, seq_len(p->end, end), true);
    p->end = end;
    return prev;
}

uint32_t board_sack(struct board *b, uint32_t index)
{
    struct run *r = board_at(b, index);
    if (b->sacked_bytes == 0 || seq_gt(r->end, b->high_sacked)) {
        b->high_sacked = r->end;
    }
    leave_list(b, index);
    set_flags(b, r, (uint8_t)((r->flags & ~(RUN_LOST | RUN_RTX)) | RUN_SACKED));
    b->sacked_runs++;
    uint32_t next = board_next(b, index);
    if (next && (board_at(b, next)->flags & RUN_SACKED)) {
        (void)join_prev(b, next);
    }
    return join_prev(b, index);
}

void board_lose(struct board *b, uint32_t index, uint8_t why, bool first)
{
    struct run *r = board_at(b, index);
    leave_list(b, index);
    set_flags(b, r, (uint8_t)((r->flags & ~(RUN_RTX | RUN_PROBE)) | RUN_LOST));
    r->why = why;
    if (first) {
        list_prepend(b, &b->lost, index);
    } else {
        list_append(b, &b->lost, index);
    }
}

void board_resent(struct board *b, uint32_t index, uint64_t now_ns)
{
    struct run *r = board_at(b, index);
    leave_list(b, index);
    uint8_t under_way = (r->flags & RUN_LOST) ? RUN_RTX : 0;
    set_flags(b, r, (uint8_t)(r->flags | RUN_EVER_RTX | under_way));
    r->sent_ns = now_ns;
    r->times = r->times < UINT8_MAX ? (uint8_t)(r->times + 1) : r->times;
    list_append(b, &b->flying, index);
}

void board_renege(struct board *b, uint32_t index)
{
    struct run *r = board_at(b, index);
    set_flags(b, r, (uint8_t)(r->flags & ~RUN_SACKED));
    b->sacked_runs--;
    list_prepend(b, &b->flying, index); /* it left long ago */
}

void board_unlose(struct board *b, uint32_t index)
{
    struct run *r = board_at(b, index);
    leave_list(b, index);
    set_flags(b, r, (uint8_t)(r->flags & ~(RUN_LOST | RUN_RTX)));
    /* Of those in flight it is the oldest that is still waited for. */
    list_prepend(b, &b->flying, index);
}

/* ---- the check ------------------------------------------------------------------------------- */

static bool list_has(const struct board *b, const struct run_list *l, uint32_t runs)
{
    uint32_t before = 0;
    uint32_t n = 0;
    for (uint32_t i = l->head; i && n <= runs; i = board_at(b, i)->next) {
        if (board_at(b, i)->prev != before) {
            return false;
        }
        before = i;
        n++;
    }
    return n == runs && l->tail == before;
}

bool board_check(const struct board *b, seq32 una, seq32 max)
{
    struct board sum = {.runs = NULL};
    uint32_t flying = 0;
    uint32_t lost = 0;
    uint32_t last = 0;
    seq32 at = una;

    for (uint32_t i = b->first; i; i = board_next(b, i)) {
        const struct run *r = board_at(b, i);
        bool sacked = (r->flags & RUN_SACKED) != 0;
        if (!seq_eq(r->seq, at) || !seq_lt(r->seq, r->end) ||
            (sacked && (r->flags & (RUN_LOST | RUN_RTX)) != 0) ||
            ((r->flags & RUN_RTX) && !(r->flags & RUN_LOST)) || board_find(b, r->seq) != i) {
            return false;
        }
        count(&sum, r->flags, seq_len(r->seq, r->end), true);
        sum.count++;
        sum.sacked_runs += sacked ? 1 : 0;
        bool waits = (r->flags & RUN_LOST) && !(r->flags & RUN_RTX);
        lost += waits ? 1 : 0;
        flying += !sacked && !waits ? 1 : 0;
        at = r->end;
        last = i;
    }
    return seq_eq(at, max) && last == b->last && sum.count == b->count && sum.bytes == b->bytes &&
           sum.sacked_bytes == b->sacked_bytes && sum.lost_bytes == b->lost_bytes &&
           sum.rtx_bytes == b->rtx_bytes && sum.sacked_runs == b->sacked_runs &&
           list_has(b, &b->flying, flying) && list_has(b, &b->lost, lost);
}
