/* Which node is next: a binary heap of all nodes by time, then by number. A node's place is known,
 * so moving one costs a few swaps and nothing is ever searched. */
#include "sim/world.h"

static bool earlier(const struct node *a, const struct node *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->id < b->id;
}

static void put(struct node_queue *q, uint32_t place, struct node *node)
{
    q->heap[place] = node;
    node->place = place;
}

static void rise(struct node_queue *q, struct node *node)
{
    uint32_t place = node->place;
    while (place > 0 && earlier(node, q->heap[(place - 1) / 2])) {
        put(q, place, q->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(q, place, node);
}

static void sink(struct node_queue *q, struct node *node)
{
    uint32_t place = node->place;
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child + 1 < q->count && earlier(q->heap[child + 1], q->heap[child]))
            child++;
        if (child >= q->count || !earlier(q->heap[child], node))
            break;
        put(q, place, q->heap[child]);
        place = child;
    }
    put(q, place, node);
}

void queue_add(struct node_queue *q, struct node *node)
{
    node->at_ns = UINT64_MAX;
    put(q, q->count++, node);
    rise(q, node);
}

void queue_move(struct node_queue *q, struct node *node, uint64_t at_ns)
{
    bool sooner = at_ns < node->at_ns;
    node->at_ns = at_ns;
    if (sooner)
        rise(q, node);
    else
        sink(q, node);
}
