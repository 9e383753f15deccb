/* One end of a real link, held by hand: packets go to the kernel and its answers come back,
 * through Ethernet headers and ARP where the link has them. For tests of TUN, TAP and AF_PACKET. */
#ifndef SUPPORT_WIRE_H
#define SUPPORT_WIRE_H

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include <unistd.h>

#include <lastack/host.h>

#include "link/cut.h"
#include "support/fake_stack.h"
#include "support/packets.h"

#define WIRE_WAIT_MS 3000

struct wire {
    struct la_link *link;
    struct la_stack stack;
    size_t header;         /* 14 on Ethernet */
    uint8_t kernel_mac[6]; /* from its ARP */
    uint8_t timestamp[4];  /* the kernel's, from its SYN-ACK */
    uint8_t out[70000];
    struct la_frame frame; /* the last one received */
    uint8_t in[70000];     /* its IP packet, checksum completed */
    size_t in_len;
};

static struct wire wire;

/* Where the test writes the IP packet it will send. */
static inline uint8_t *wire_ip(void)
{
    return wire.out + wire.header;
}

static inline void wire_close(void)
{
    la_link_close(wire.link);
    assert_int_equal(wire.stack.bufs, 0);
}

/* Sends the `len` bytes at wire_ip(); `gso_size` 0: one packet; partial: checksum left to do. */
static inline void wire_send(size_t len, bool partial, uint16_t gso_size)
{
    bool v6 = wire_ip()[0] >> 4 == 6;
    struct la_frame frame;
    if (wire.header > 0) {
        memcpy(wire.out, wire.kernel_mac, 6);
        memcpy(wire.out + 6, wire.link->info.mac, 6);
        store_be16(wire.out + 12, v6 ? 0x86dd : 0x0800);
    }
    packet_frame(&frame, wire.out, wire.header + len, wire.header + (v6 ? 40 : 20) + 32);
    if (partial)
        packet_gso(&frame, v6, wire.header, gso_size);
    assert_int_equal(wire.link->ops->send(wire.link, &frame, 1, 0), 1);
    assert_int_equal(wire.link->dropped, 0);
}

/* Sends an ARP packet from 10.87.0.2 to 10.87.0.1: a request (1) or a reply (2). */
static inline void wire_arp(uint8_t operation)
{
    static const uint8_t fixed[8] = {0x08, 0x06, 0, 1, 8, 0, 6, 4};
    uint8_t arp[42] = {0};
    struct la_frame frame;
    memcpy(arp, wire.kernel_mac, 6);
    memcpy(arp + 6, wire.link->info.mac, 6);
    memcpy(arp + 12, fixed, sizeof(fixed));
    arp[21] = operation;
    memcpy(arp + 22, wire.link->info.mac, 6);
    memcpy(arp + 28, (const uint8_t[]){10, 87, 0, 2}, 4);
    memcpy(arp + 32, wire.kernel_mac, 6);
    memcpy(arp + 38, (const uint8_t[]){10, 87, 0, 1}, 4);
    packet_frame(&frame, arp, sizeof(arp), sizeof(arp));
    assert_int_equal(wire.link->ops->send(wire.link, &frame, 1, 0), 1);
}

/* Learns the kernel's address from any ARP of its own and answers when it asks for 10.87.0.2. */
static inline void wire_take_arp(const uint8_t *arp)
{
    memcpy(wire.kernel_mac, arp + 22, 6);
    if (arp[21] == 1 && arp[41] == 2)
        wire_arp(2);
}

/* Takes in one frame of the kernel's; true when it was an IP packet of `protocol`. */
static inline bool wire_take(uint8_t protocol)
{
    int n = wire.link->ops->recv(wire.link, &wire.stack, &wire.frame, 1, 0);
    assert_in_range(n, 0, 1);
    if (n == 0)
        return false;
    const uint8_t *bytes = wire.frame.frag[0].data;
    if (wire.header > 0 && load_be16(bytes + 12) == 0x0806)
        wire_take_arp(bytes);
    static uint8_t whole[70000];
    cut_whole(&wire.frame, whole);
    wire.in_len = wire.frame.len - wire.header;
    memcpy(wire.in, whole + wire.header, wire.in_len);
    la_buf_put(&wire.stack, wire.frame.frag[0].buf);
    uint8_t version = wire.in[0] >> 4;
    return (version == 4 && wire.in[9] == protocol) || (version == 6 && wire.in[6] == protocol);
}

/* Waits for the kernel's next packet of a protocol; false when none comes. */
static inline bool wire_recv(uint8_t protocol)
{
    for (;;) {
        struct pollfd fd = {.fd = wire.link->fd, .events = POLLIN};
        if (poll(&fd, 1, WIRE_WAIT_MS) <= 0)
            return false;
        if (wire_take(protocol))
            return true;
    }
}

/* Holds `link`; on Ethernet, asks the kernel for its address. */
static inline void wire_open(struct la_link *link)
{
    memset(&wire, 0, sizeof(wire));
    wire.link = link;
    if (link->info.type != LA_LINK_ETHERNET)
        return;
    wire.header = 14;
    memset(wire.kernel_mac, 0xff, 6);
    wire_arp(1);
    while (wire.kernel_mac[0] == 0xff) {
        struct pollfd fd = {.fd = link->fd, .events = POLLIN};
        assert_int_equal(poll(&fd, 1, WIRE_WAIT_MS), 1);
        (void)wire_take(0);
    }
}

static inline void wire_check_ping(bool v6, size_t payload)
{
    uint8_t protocol = v6 ? PACKET_ICMPV6 : PACKET_ICMP;
    wire_send(packet_ping(wire_ip(), v6, payload), false, 0);
    do {
        assert_true(wire_recv(protocol));
    } while (v6 && wire.in[40] != 129); /* other ICMPv6 is Neighbour Discovery's */
    assert_true(packet_is_pong(wire.in, wire.in_len, v6, payload));
}

/* A socket of the kernel's that listens on 10.87.0.1 port 80. */
static inline int kernel_listen(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(80)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

/* Sends a segment of ours; the window is as large as it goes without scaling. */
static inline void tcp_put(uint32_t seq, uint32_t ack, uint16_t flags, size_t payload,
                           uint16_t gso_size)
{
    uint8_t *ip = wire_ip();
    size_t len = packet_tcp(ip, false, seq, flags, payload, true);
    store_be32(ip + 28, ack);
    store_be16(ip + 34, 65535);
    memcpy(ip + 48, wire.timestamp, 4);
    wire_send(len, true, gso_size);
}

/* A connection with the kernel by hand: a super-segment of 30,000 bytes there, and whatever the
 * kernel makes of 60,000 bytes here; `super`: it must be super-segments. */
static inline void wire_check_tcp(bool super)
{
    static uint8_t bytes[60000];
    int listener = kernel_listen();
    tcp_put(999, 0, LA_TH_SYN, 0, 0);
    assert_true(wire_recv(PACKET_TCP));
    assert_int_equal(wire.in[33], LA_TH_SYN | LA_TH_ACK);
    memcpy(wire.timestamp, wire.in + 48, 4); /* behind MSS, NOP, NOP: the kernel wants it back */
    uint32_t their_seq = load_be32(wire.in + 24) + 1;
    tcp_put(1000, their_seq, LA_TH_ACK, 0, 0);
    int fd = accept(listener, NULL, NULL); /* non-blocking: it must be there */
    assert_true(fd >= 0);

    tcp_put(1000, their_seq, LA_TH_ACK | LA_TH_PSH, super ? 30000 : 1400, super ? 1400 : 0);
    size_t want = super ? 30000 : 1400;
    assert_int_equal(recv(fd, bytes, want, MSG_WAITALL), want);
    assert_memory_equal(bytes, wire_ip() + 52, want);

    assert_int_equal(send(fd, bytes, sizeof(bytes), MSG_DONTWAIT), sizeof(bytes));
    size_t biggest = 0;
    for (uint32_t got = 0; got < 5000;) {
        assert_true(wire_recv(PACKET_TCP));
        assert_true(packet_good(wire.in, wire.in_len));
        size_t payload = wire.in_len - 20 - (size_t)(wire.in[32] >> 4) * 4;
        if (payload == 0 || load_be32(wire.in + 24) != their_seq + got)
            continue;
        assert_memory_equal(wire.in + wire.in_len - payload, bytes + got, payload);
        assert_int_equal(wire.frame.gso != LA_GSO_NONE, payload > 1448);
        got += (uint32_t)payload;
        biggest = payload > biggest ? payload : biggest;
    }
    assert_int_equal(biggest > 1448, super);
    const struct linger reset = {.l_onoff = 1}; /* else its retransmissions disturb the next test */
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    close(fd);
    close(listener);
}

#endif
