/* A tool that drives the library as packetdrill does: it loads it, asks for the entry point once,
 * spins on the library's clock until the next event is due, injects packets, takes out what leaves,
 * and makes calls that block on a second thread, of which it wants to see that it sleeps. */
#ifndef TESTS_SHIM_DRIVER_H
#define TESTS_SHIM_DRIVER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bytes.h"
#include "posix/abi.h"
#include "shim/interface.h"

#define SPIN_US     2000 /* closer than that the tool no longer sleeps */
#define LOCAL_PORT  8080
#define REMOTE_PORT 53000
#define ISN         5000

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define PSH 0x08
#define ACK 0x10

typedef int init_function(const char *flags, struct packetdrill_interface *interface);

struct driver {
    void *library;
    struct packetdrill_interface i;
    long long start_us;
    bool v6;
    uint16_t local_port, remote_port;
    uint32_t iss; /* the library's, from its SYN */
    bool iss_known;
};

static struct driver d;

#define U d.i.userdata

/* ---- time ----------------------------------------------------------------------------------- */

static inline long long now_us(void)
{
    struct timeval tv;
    assert_int_equal(d.i.gettimeofday(U, &tv, NULL), 0);
    return tv.tv_sec * 1000000LL + tv.tv_usec;
}

/* Microseconds since the script began. */
static inline long long script_us(void)
{
    return now_us() - d.start_us;
}

static inline void wait_until(long long at_us)
{
    long long left = at_us - script_us();
    if (left > SPIN_US)
        assert_int_equal(d.i.usleep(U, (useconds_t)(left - SPIN_US)), 0);
    while (script_us() < at_us) {
    }
}

/* ---- packets -------------------------------------------------------------------------------- */

struct packet {
    uint8_t bytes[70000];
    size_t len, headers; /* headers: IP and TCP */
    long long at_us;     /* since the script began */
    uint32_t seq, ack;   /* relative */
    uint8_t flags;
    uint16_t window;
    size_t payload;
    const uint8_t *options;
    size_t options_len;
};

static inline uint32_t sum16(const uint8_t *p, size_t len, uint32_t sum)
{
    for (size_t n = 0; n + 1 < len; n += 2)
        sum += load_be16(p + n);
    if (len % 2)
        sum += (uint32_t)p[len - 1] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static inline uint32_t pseudo(const uint8_t *ip, uint8_t protocol, size_t len)
{
    bool v6 = ip[0] >> 4 == 6;
    return sum16(ip + (v6 ? 8 : 12), v6 ? 32 : 8, protocol + (uint32_t)len);
}

static inline struct sockaddr_storage endpoint(bool local, uint16_t port)
{
    struct sockaddr_storage s = {0};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    inet_pton(AF_INET, local ? "192.168.0.1" : "192.0.2.1", &in.sin_addr);
    inet_pton(AF_INET6, local ? "fd3d:a0b:17d6::1" : "fd3d:fa7b:d17d::1", &in6.sin6_addr);
    if (d.v6)
        memcpy(&s, &in6, sizeof(in6));
    else
        memcpy(&s, &in, sizeof(in));
    return s;
}

static inline socklen_t endpoint_len(void)
{
    return d.v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

/* An IP header from the remote host to the local one. */
static inline size_t ip_header(uint8_t *ip, uint8_t protocol, size_t payload)
{
    memset(ip, 0, 40);
    if (d.v6) {
        ip[0] = 0x60;
        store_be16(ip + 4, (uint16_t)payload);
        ip[6] = protocol;
        ip[7] = 255;
        inet_pton(AF_INET6, "fd3d:fa7b:d17d::1", ip + 8);
        inet_pton(AF_INET6, "fd3d:a0b:17d6::1", ip + 24);
        return 40;
    }
    ip[0] = 0x45;
    store_be16(ip + 2, (uint16_t)(20 + payload));
    ip[8] = 255;
    ip[9] = protocol;
    inet_pton(AF_INET, "192.0.2.1", ip + 12);
    inet_pton(AF_INET, "192.168.0.1", ip + 16);
    store_be16(ip + 10, (uint16_t)~sum16(ip, 20, 0));
    return 20;
}

/* `options` are padded to words by the caller. Sequence numbers are relative. */
static inline void inject_with(uint8_t flags, uint32_t seq, size_t payload, uint32_t ack,
                               uint16_t window, const uint8_t *options, size_t options_len)
{
    static uint8_t p[70000];
    size_t tcp_len = 20 + options_len + payload;
    size_t at = ip_header(p, IPPROTO_TCP, tcp_len);
    uint8_t *t = p + at;
    memset(t, 0, tcp_len);
    store_be16(t, d.remote_port);
    store_be16(t + 2, d.local_port);
    store_be32(t + 4, ISN + seq);
    store_be32(t + 8, (flags & ACK) ? d.iss + ack : 0);
    t[12] = (uint8_t)((20 + options_len) / 4 << 4);
    t[13] = flags;
    store_be16(t + 14, window);
    if (options_len)
        memcpy(t + 20, options, options_len);
    store_be16(t + 16, (uint16_t)~sum16(t, tcp_len, pseudo(p, IPPROTO_TCP, tcp_len)));
    assert_int_equal(d.i.netdev_send(U, p, at + tcp_len), 0);
}

static inline void inject(uint8_t flags, uint32_t seq, size_t payload, uint32_t ack,
                          uint16_t window)
{
    inject_with(flags, seq, payload, ack, window, NULL, 0);
}

/* The next packet that leaves; false: none can. */
static inline bool take(struct packet *p)
{
    size_t count = sizeof(p->bytes);
    long long at_us;
    assert_int_equal(d.i.netdev_receive(U, p->bytes, &count, &at_us), 0);
    p->len = count;
    p->at_us = at_us - d.start_us;
    return count != 0;
}

static inline void parse(struct packet *p)
{
    size_t at = d.v6 ? 40 : 20;
    const uint8_t *t = p->bytes + at;
    assert_true(p->len >= at + 20);
    assert_int_equal(p->bytes[0] >> 4, d.v6 ? 6 : 4);
    assert_int_equal(p->bytes[d.v6 ? 6 : 9], IPPROTO_TCP);
    assert_int_equal(sum16(t, p->len - at, pseudo(p->bytes, IPPROTO_TCP, p->len - at)), 0xffff);
    p->flags = t[13];
    if ((p->flags & SYN) && !d.iss_known) {
        d.iss = load_be32(t + 4);
        d.iss_known = true;
    }
    d.local_port = load_be16(t);
    d.remote_port = load_be16(t + 2);
    p->seq = load_be32(t + 4) - d.iss;
    p->ack = load_be32(t + 8) - ISN;
    p->window = load_be16(t + 14);
    p->headers = at + (size_t)(t[12] >> 4) * 4;
    p->payload = p->len - p->headers;
    p->options = t + 20;
    p->options_len = p->headers - at - 20;
}

/* What must leave next. */
static inline struct packet *expect(uint8_t flags, uint32_t seq, size_t payload, uint32_t ack)
{
    static struct packet p;
    assert_true(take(&p));
    parse(&p);
    if (p.flags != flags || p.seq != seq || p.payload != payload ||
        ((flags & ACK) && p.ack != ack)) {
        print_error("left: %02x %u(%zu) ack %u; want: %02x %u(%zu) ack %u\n", p.flags, p.seq,
                    p.payload, p.ack, flags, seq, payload, ack);
        fail();
    }
    return &p;
}

/* ---- the second thread ---------------------------------------------------------------------- */

typedef int64_t blocking(void *arg);

struct second {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t started;
    bool running, done;
    pid_t tid;
    blocking *what;
    void *arg;
    int64_t result;
    int error;
    long long ended_us; /* as the tool measures it: by asking right after the call */
};

static inline void *second_main(void *p)
{
    struct second *s = p;
    pthread_mutex_lock(&s->lock);
    s->tid = (pid_t)syscall(SYS_gettid);
    s->running = true;
    pthread_cond_signal(&s->started);
    pthread_mutex_unlock(&s->lock);
    int64_t result = s->what(s->arg);
    int error = errno;
    long long ended_us = script_us();
    pthread_mutex_lock(&s->lock);
    s->result = result;
    s->error = error;
    s->ended_us = ended_us;
    s->done = true;
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static inline bool is_done(struct second *s)
{
    pthread_mutex_lock(&s->lock);
    bool done = s->done;
    pthread_mutex_unlock(&s->lock);
    return done;
}

/* The letter of the thread's state in /proc. */
static inline bool is_asleep(const struct second *s)
{
    char path[64], text[512] = "";
    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)s->tid);
    FILE *f = fopen(path, "r");
    if (!f)
        return false;
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = '\0';
    const char *name_end = strrchr(text, ')');
    return name_end && name_end[2] == 'S';
}

/* Begins a call that blocks; comes back when it is done or sleeps. */
static inline void second_begin(struct second *s, blocking *what, void *arg)
{
    *s = (struct second){.what = what, .arg = arg};
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->started, NULL);
    assert_int_equal(pthread_create(&s->thread, NULL, second_main, s), 0);
    pthread_mutex_lock(&s->lock);
    while (!s->running)
        pthread_cond_wait(&s->started, &s->lock);
    pthread_mutex_unlock(&s->lock);
    while (!is_done(s) && !is_asleep(s))
        sched_yield();
}

static inline int64_t second_end(struct second *s)
{
    pthread_join(s->thread, NULL);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->started);
    return s->result;
}

/* ---- opening -------------------------------------------------------------------------------- */

static inline void driver_open(bool v6, const char *flags)
{
    char path[512];
    const char *build = getenv("LASTACK_BUILD");
    d = (struct driver){.v6 = v6, .local_port = LOCAL_PORT, .remote_port = REMOTE_PORT};
    snprintf(path, sizeof(path), "%s/liblastack_packetdrill.so", build ? build : "build");
    d.library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!d.library)
        print_error("%s\n", dlerror());
    assert_non_null(d.library);
    init_function *init;
    *(void **)&init = dlsym(d.library, "packetdrill_interface_init");
    assert_non_null(init);
    assert_int_equal(init(flags, &d.i), 0);
    d.start_us = now_us();
}

static inline void driver_close(void)
{
    d.i.free(U);
    dlclose(d.library);
}

#endif
