/* Links: what carries a stack's frames, and wrappers that stand on any link.
 *
 * A link is dumb: it moves frames and knows no protocol. Received frames are put into buffers of
 * the stack they go to (la_buf_get). Sent frames are copied or handed to the kernel before send()
 * returns, so the caller may release them at once with la_stack_sent(). A wrapper holds the link
 * below it and closes it; what it needs of a frame beyond the call it copies. A wrapper that needs
 * wire packets (impairment) takes the offloads out of `info`, or cuts super-segments itself. Of a
 * frame to send a link reads the lengths, the descriptor and the bytes; who owns the pieces is
 * none of its business, so wrappers may send pieces of memory of their own.
 *
 * A link may keep buffers of the stack between calls: close it before the stack is destroyed.
 * Frames that are lost in a link (no buffer, interface down or its queue full, refused) are
 * counted in `dropped`.
 *
 * Not for several threads: a link belongs to the thread of its stack. */
#ifndef LASTACK_LINK_H
#define LASTACK_LINK_H

#include <lastack/stack.h>

#pragma GCC visibility push(default)

struct la_link;

struct la_link_ops {
    const char *kind; /* "tun", "packet", "memory", "pcapng", "impair" */

    /* Fills up to `max` frames; returns how many (0: nothing waits) or a negative la_err.
     * `now_ns` is the time of the batch. Each frame has one piece in a buffer of `stack`. */
    int (*recv)(struct la_link *link, struct la_stack *stack, struct la_frame *frames, size_t max,
                uint64_t now_ns);

    /* Sends frames in order; returns how many the link took (less than `n`: it is full, try again
     * when fd() is writable) or a negative la_err. */
    int (*send)(struct la_link *link, struct la_frame *frames, size_t n, uint64_t now_ns);

    /* Told after la_stack_input() what became of received frames, in the order of recv(); only
     * frames[i].reason, .conn and .len count, the buffers are gone. May be NULL. */
    void (*verdict)(struct la_link *link, const struct la_frame *frames, size_t n, uint64_t now_ns);

    /* When recv() or send() has something to do without the descriptor saying so (impairment
     * holds frames back); UINT64_MAX: never. May be NULL. */
    uint64_t (*next_deadline)(const struct la_link *link);

    /* Sends on what a wrapper held back and is due. May be NULL. */
    void (*run)(struct la_link *link, uint64_t now_ns);

    /* Frees the link and the links below it. */
    void (*close)(struct la_link *link);
};

struct la_link {
    const struct la_link_ops *ops;
    struct la_link *below;    /* wrappers: the link they stand on */
    struct la_link_info info; /* what la_stack_link_add() is told */
    int fd;                   /* to wait on, -1: none */
    char name[64];            /* for messages: "tun:lastack0" */
    uint64_t frames_in, frames_out, bytes_in, bytes_out, dropped;
};

/* A place for a sentence that says what failed and what to do about it. */
struct la_message {
    char text[256];
};

/* Two links that are the ends of one wire in memory: what one sends the other receives, in order.
 * `queue_max` frames wait at most in each direction, more are not taken (back-pressure). Once the
 * receiving stack is known a frame is copied only once, into its buffer. The ends are closed one by
 * one, each before the stack that receives on it; what is sent to a closed end is lost. No
 * offloads: super-segments and partial checksums do not cross. */
int la_link_memory_pair(enum la_link_type type, uint32_t mtu, size_t queue_max,
                        struct la_link *ends[2]);

/* TUN device (`tap`: TAP, Ethernet). `vnet`: with IFF_VNET_HDR, checksum and segmentation offload.
 * The device is made when it does not exist and the process may. */
struct la_tun_options {
    const char *name; /* NULL: the kernel chooses */
    bool tap;
    bool vnet;
    uint32_t mtu; /* 0: as it is */
};
int la_link_tun(const struct la_tun_options *options, struct la_link **link,
                struct la_message *why);

/* AF_PACKET on an interface, with PACKET_VNET_HDR. The interface's own address on the wire is
 * `mac`; NULL: one made from the interface's, locally administered. */
int la_link_packet(const char *ifname, const uint8_t mac[6], struct la_link **link,
                   struct la_message *why);

/* Writes every frame that passes to a pcapng file, with the reason as a comment. A received frame
 * is written after its verdict. Partial checksums are completed in the copy that is written;
 * super-segments are written as the link below carries them. Times are of the wall clock for a link
 * with a descriptor (whose `now_ns` is CLOCK_MONOTONIC), and as given for one without. When writing
 * fails the capture ends there, one line on stderr says so, and `dropped` counts what is missing.
 */
int la_link_pcapng(struct la_link *below, const char *path, struct la_link **link,
                   struct la_message *why);

/* What a bad wire does to packets. All zero: nothing. Probabilities are in parts per million; those
 * fields that say nothing else are off when zero. */
struct la_impair {
    uint32_t loss_ppm, duplicate_ppm, corrupt_ppm, reorder_ppm;
    /* Bursts (Gilbert and Elliott): before each packet the wire may turn bad or good again. While
     * it is bad, burst_loss_ppm counts in the place of loss_ppm. */
    uint32_t burst_ppm, burst_end_ppm; /* burst_end_ppm 0: 25 % */
    uint32_t burst_loss_ppm;           /* 0: all */
    uint64_t loss_mask;                /* bit 0: lose the first packet, ... */
    uint64_t loss_mask_data;           /* the same, counting only TCP segments with data */

    uint64_t delay_ns;
    uint64_t jitter_ns;        /* more delay, uniform, 0 to this; keeps the order */
    uint64_t scatter_ns;       /* the same, packets overtake each other */
    uint64_t reorder_ns;       /* a reordered packet is late by this much; 0 both: 1 ms */
    uint64_t reorder_up_to_ns; /* and by 1 ns to this, uniform */

    uint64_t rate_bps;        /* bits per second, 0: as fast as it goes, and there is no queue */
    uint32_t queue_frames;    /* packets in the queue, the one on the line included */
    uint32_t queue_bdp_ppm;   /* its bytes in parts of rate x rtt */
    uint64_t queue_bytes;     /* or by themselves; none of the three: 1000 packets. A packet that
                                 finds the line free always fits */
    uint64_t rtt_ns;          /* for queue_bdp_ppm; 0: twice the delay */
    uint64_t mark_bytes;      /* set CE in ECN packets that find as many bytes in the queue, */
    uint64_t mark_sojourn_ns; /* or waited as long for the line, */
    uint32_t mark_frames;     /* or find as many packets in the queue */

    uint32_t mtu;      /* longer IP packets vanish */
    uint32_t mtu_icmp; /* longer ones are dropped, and an ICMP error goes back when it may */
    /* The line is down from down_at_ns after the first packet on, for down_for_ns, and so every
     * down_every_ns (0: once). */
    uint64_t down_at_ns, down_for_ns, down_every_ns;
};

/* Bytes of a queue of queue_bdp_ppm: at least two packets of 1500. 0: rate or time is missing. */
uint64_t la_impair_bdp_bytes(const struct la_impair *impair);

/* Impairment of either direction, everything following from the seed; NULL: none. Super-segments
 * are cut to wire segments and checksums completed first. ICMP errors that one direction causes
 * travel in the other. */
int la_link_impair(struct la_link *below, const struct la_impair *out, const struct la_impair *in,
                   uint64_t seed, struct la_link **link);

/* Reads "loss=1%,delay=10ms,rate=10mbit,queue=1bdp,rtt=66ms". The words:
 *
 *   loss= dup= corrupt= reorder=           1%, 30ppm
 *   burst= burst-end= burst-loss=          likewise
 *   mask= mask-data=                       0x15: of the first five packets the 1st, 3rd and 5th
 *   delay= jitter= scatter= late= rtt=     10ms, 1.5us, 2s; late-up-to=
 *   rate=                                  10mbit, 56kbit, 1gbit
 *   queue=                                 100 (packets), 64kb, 1bdp
 *   mark=                                  20 (packets), 30kb, 1ms
 *   mtu= mtu-icmp=                         1400
 *   down-at= down-for= down-every=         500ms
 *
 * LA_EINVAL, and `why` names the word. */
int la_impair_parse(const char *text, struct la_impair *impair, struct la_message *why);

/* Reads further words over what `impair` holds already. What it names must fit together only
 * when la_impair_parse() would say so; la_impair_check() asks that. */
int la_impair_add(const char *text, struct la_impair *impair, struct la_message *why);
int la_impair_check(const struct la_impair *impair, struct la_message *why);

/* Opens what a user names: "tun:NAME", "tap:NAME", "tun-plain:NAME" (without IFF_VNET_HDR),
 * "packet:IFNAME". `mtu` 0: as it is. LA_EINVAL: no such kind, and `why` lists the kinds. */
int la_link_open(const char *spec, uint32_t mtu, struct la_link **link, struct la_message *why);

static inline void la_link_close(struct la_link *link)
{
    link->ops->close(link);
}

#pragma GCC visibility pop

#endif
