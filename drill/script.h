/* A packet script as a tree: what the parser makes, and what the runner walks over.
 *
 * Everything hangs in one arena that belongs to the script and is freed with it; nothing in the
 * tree is freed alone. Each node knows its place, so that whatever goes wrong later (an unknown
 * option of a socket, a packet that differs) can say file, line and column.
 *
 * The language is packetdrill's. docs/drill.md describes it; here only its shape:
 *
 *     script  := option* event*
 *     option  := "--" name ["=" value]                          up to the end of the line
 *     event   := [time] (packet | call | code | command)
 *     time    := ["+"] seconds ["~" ["+"] seconds] | "*"
 *     packet  := ("<" | ">") ip-fields (tcp | udp | icmp)
 *     call    := ["..." seconds] name "(" arguments ")" "=" result [errno] ["(" note ")"]
 *     code    := "%{" statements "}%"
 *     command := "`" shell "`" */
#ifndef DRILL_SCRIPT_H
#define DRILL_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DRILL_NS_PER_S  INT64_C(1000000000)
#define DRILL_NS_PER_US INT64_C(1000)

struct drill_place {
    uint32_t line, column; /* from 1 */
};

/* A sentence about a place. */
struct drill_fault {
    struct drill_place place;
    char text[600]; /* "FILE:LINE:COLUMN: ..." */
};

/* ---- times ---------------------------------------------------------------------------------- */

enum drill_time_kind {
    DRILL_TIME_RELATIVE, /* to the event before */
    DRILL_TIME_ABSOLUTE, /* since the script began */
    DRILL_TIME_ANY,      /* "*": whenever it happens */
};

struct drill_time {
    enum drill_time_kind kind;
    int64_t ns;
    int64_t until_ns; /* of a range "a~b"; else the same as `ns` */
    bool range;
    bool given; /* false: the event has no time of its own and happens at once */
};

/* ---- packets -------------------------------------------------------------------------------- */

enum drill_protocol { DRILL_TCP, DRILL_UDP, DRILL_ICMP };

enum drill_option_kind {
    DRILL_OPT_EOL,
    DRILL_OPT_NOP,
    DRILL_OPT_MSS,
    DRILL_OPT_WSCALE,
    DRILL_OPT_SACK_OK,
    DRILL_OPT_SACK,
    DRILL_OPT_TIMESTAMP,
    DRILL_OPT_MD5,
    DRILL_OPT_FASTOPEN,     /* RFC 7413, kind 34 */
    DRILL_OPT_FASTOPEN_EXP, /* its form as an experiment, kind 254 and 0xf989 */
    DRILL_OPT_EXP,          /* RFC 6994: kind, ExID, data */
    DRILL_OPT_ACCECN,       /* RFC 9768: order 0 or 1, counters */
    DRILL_OPT_OTHER,        /* any kind: bytes as written */
};

#define DRILL_OPTIONS_MAX     40
#define DRILL_OPTION_DATA_MAX 40
#define DRILL_SACKS_MAX       4

struct drill_tcp_option {
    enum drill_option_kind kind;
    uint8_t number;    /* MSS etc. have theirs; OTHER, EXP: as written */
    uint32_t value[8]; /* mss; scale; TSval and TSecr; SACK edges; AccECN: e0b, ceb, e1b */
    unsigned values;   /* how many of them */
    uint8_t data[DRILL_OPTION_DATA_MAX];
    unsigned data_len;
    struct drill_place place;
};

#define DRILL_TH_FIN 0x001u
#define DRILL_TH_SYN 0x002u
#define DRILL_TH_RST 0x004u
#define DRILL_TH_PSH 0x008u
#define DRILL_TH_ACK 0x010u
#define DRILL_TH_URG 0x020u
#define DRILL_TH_ECE 0x040u
#define DRILL_TH_CWR 0x080u
#define DRILL_TH_AE  0x100u

enum drill_ecn {
    DRILL_ECN_ANY = -1,
    DRILL_ECN_NONE,
    DRILL_ECN_1,
    DRILL_ECN_0,
    DRILL_ECN_CE,
    DRILL_ECN_01
};

struct drill_packet {
    bool outbound;
    enum drill_protocol protocol;
    struct drill_place place; /* of the direction */

    /* IP: -1 is "not written" */
    int ecn; /* enum drill_ecn; 01: either of both */
    int tos, ttl;
    int64_t flowlabel;
    bool damaged;        /* inbound: a bit was turned over on the way */
    uint32_t frag;       /* inbound: in fragments with so many bytes each; 0: whole */
    uint32_t frag_order; /* digits: which of them arrive, and in what order; 0: all, in order */

    int source_port, target_port; /* -1: those of the current flow */

    /* TCP */
    unsigned flags;
    uint32_t seq, payload; /* bytes of payload, of UDP as well */
    bool has_ack, has_win, has_urg;
    uint32_t ack, win, urg;
    bool options_any; /* "<...>": not looked at */
    struct drill_tcp_option *options;
    unsigned options_count;

    /* ICMP */
    uint8_t icmp_type, icmp_code;
    const char *icmp_name; /* of the type, as written */
    bool has_mtu, has_quote, quote_udp;
    uint32_t mtu, quote_seq, quote_len;
    bool has_echo;
    uint16_t echo_id, echo_seq;
};

/* ---- calls ---------------------------------------------------------------------------------- */

enum drill_expr_kind {
    DRILL_ANY,    /* "..." */
    DRILL_NUMBER, /* a number, a name of one, or several with "|" between */
    DRILL_NULL,   /* NULL */
    DRILL_TEXT,   /* "..." in quotes */
    DRILL_LIST,   /* [ ... ] */
    DRILL_STRUCT, /* { ... } */
    DRILL_FUNC,   /* name(...): htons(), inet_addr() */
};

struct drill_expr {
    enum drill_expr_kind kind;
    struct drill_place place;
    const char *field; /* NULL: none; "name=" or "name(count)=" stood before it */
    struct drill_expr *count;
    int64_t number;
    const char *text; /* TEXT, FUNC, and the names behind a number */
    struct drill_expr *first, *next;
    unsigned children;
};

struct drill_call {
    const char *name;
    struct drill_place place;
    struct drill_expr *args; /* linked by `next` */
    unsigned args_count;
    bool blocking;
    int64_t end_ns; /* of a blocking call, counted like its time */
    bool result_any;
    int64_t result;
    int err; /* errno, 0: none written */
    const char *err_name;
    struct drill_place result_place;
};

/* ---- code and commands ---------------------------------------------------------------------- */

struct drill_code;

enum drill_command_kind {
    DRILL_CMD_PERSONA, /* name */
    DRILL_CMD_SETTING, /* name, value */
    DRILL_CMD_RESTORE, /* settings go back to the persona's: the end of a script */
    DRILL_CMD_ROUTE,   /* name: what of the route, value */
    DRILL_CMD_DEVICE,  /* name: what of the device, value */
    DRILL_CMD_COUNTER, /* name: a counter of Linux; value: what it must have counted, or NULL */
    DRILL_CMD_NOTHING, /* understood, and without meaning here */
};

struct drill_command {
    enum drill_command_kind kind;
    const char *name, *value;
    bool soft; /* "a || b": that there is no such setting is no fault */
    struct drill_place place;
    struct drill_command *next;
};

/* ---- the script ----------------------------------------------------------------------------- */

enum drill_event_kind {
    DRILL_EVENT_PACKET,
    DRILL_EVENT_CALL,
    DRILL_EVENT_CODE,
    DRILL_EVENT_COMMAND
};

struct drill_event {
    enum drill_event_kind kind;
    struct drill_place place;
    uint32_t first_byte, end_byte; /* where it stands in the text */
    struct drill_time time;
    union {
        struct drill_packet *packet;
        struct drill_call *call;
        struct drill_code *code;
        struct drill_command *command;
    };
    struct drill_event *next;
};

struct drill_option {
    const char *name, *value; /* value NULL: none */
    struct drill_place place;
    struct drill_option *next;
};

/* A name that stands for text in cookies and for a number or word elsewhere. */
struct drill_define {
    const char *name, *value;
};

struct drill_arena;

struct drill_script {
    const char *name; /* of the file */
    char *text;
    size_t len;
    bool ipv6;
    bool mapped; /* IPv4 on the wire, sockets of IPv6 */
    struct drill_option *options;
    struct drill_event *events;
    unsigned events_count;
    struct drill_arena *arena;
};

/* How a text is read. */
struct drill_reading {
    bool ipv6;      /* when the script does not say */
    bool ip_forced; /* whatever the script says */
    const struct drill_define *defines;
    unsigned defines_count;
};

/* Reads a text. False: `fault` says what is wrong and where, and there is nothing to free. */
bool drill_parse(struct drill_script *s, const char *name, const char *text, size_t len,
                 const struct drill_reading *reading, struct drill_fault *fault);
void drill_script_free(struct drill_script *s);

/* The value of an option line; NULL: it is not there ("" when it has no value). */
const char *drill_script_option(const struct drill_script *s, const char *name);

/* The text of an event, on one line and without comments. */
void drill_event_text(const struct drill_script *s, const struct drill_event *e, char *text,
                      size_t size);

/* Writes a fault; returns false, so that a reader can say `return drill_fault(...)`. */
bool drill_fault(const struct drill_script *s, struct drill_fault *fault, struct drill_place place,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Memory of the script, zeroed; NULL when there is none left. */
void *drill_arena_get(struct drill_arena *arena, size_t size);
const char *drill_arena_text(struct drill_arena *arena, const char *text, size_t len);

#endif
