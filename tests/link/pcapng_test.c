/* The pcapng writer: the blocks read back one by one, and by tshark where it is installed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include <lastack/link.h>

#include "support/fake_stack.h"
#include "support/packets.h"

#define FILE_MAX (1 << 20)

static char path[] = "/tmp/lastack-pcapng-XXXXXX";
static uint8_t file[FILE_MAX];
static size_t file_len;

static void file_read(void)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    file_len = fread(file, 1, sizeof(file), f);
    fclose(f);
}

static uint32_t word_at(size_t at)
{
    uint32_t word;
    assert_true(at + 4 <= file_len);
    memcpy(&word, file + at, sizeof(word));
    return word;
}

/* Finds an option in the list that begins at `at`; returns its value and length, or NULL. */
static const uint8_t *option_find(size_t at, size_t end, uint16_t code, size_t *len)
{
    while (at + 4 <= end) {
        uint16_t head[2];
        memcpy(head, file + at, sizeof(head));
        *len = head[1];
        if (head[0] == code)
            return file + at + 4;
        at += 4 + ((head[1] + 3U) & ~3U);
    }
    return NULL;
}

/* Checks one packet block; returns the offset of the next block. */
static size_t packet_check(size_t at, uint64_t time_ns, const char *comment, uint32_t direction,
                           const uint8_t *bytes, size_t len)
{
    size_t total = word_at(at + 4);
    assert_int_equal(word_at(at), 6);
    assert_int_equal(word_at(at + total - 4), total);
    assert_int_equal((uint64_t)word_at(at + 12) << 32 | word_at(at + 16), time_ns);
    assert_int_equal(word_at(at + 20), len);
    assert_int_equal(word_at(at + 24), len);
    if (bytes)
        assert_memory_equal(file + at + 28, bytes, len);
    assert_true(packet_good(file + at + 28, len));
    size_t options = at + 28 + ((len + 3) & ~(size_t)3);
    size_t found;
    const uint8_t *text = option_find(options, at + total - 4, 1, &found);
    assert_non_null(text);
    assert_int_equal(found, strlen(comment));
    assert_memory_equal(text, comment, found);
    const uint8_t *flags = option_find(options, at + total - 4, 2, &found);
    assert_non_null(flags);
    assert_memory_equal(flags, &direction, 4);
    return at + total;
}

/* Section and interface blocks; returns the offset of the first packet. */
static size_t head_check(uint16_t linktype)
{
    assert_int_equal(word_at(0), 0x0a0d0d0a);
    assert_int_equal(word_at(8), 0x1a2b3c4d);
    size_t at = word_at(4);
    assert_int_equal(word_at(at), 1);
    assert_int_equal(word_at(at + 8) & 0xffff, linktype);
    size_t len;
    const uint8_t *resolution = option_find(at + 16, at + word_at(at + 4) - 4, 9, &len);
    assert_non_null(resolution);
    assert_int_equal(*resolution, 9);
    const uint8_t *name = option_find(at + 16, at + word_at(at + 4) - 4, 2, &len);
    assert_memory_equal(name, "memory:0", len);
    return at + word_at(at + 4);
}

static struct la_link *wrap(struct la_link *below)
{
    struct la_link *link;
    struct la_message why;
    assert_int_equal(la_link_pcapng(below, path, &link, &why), 0);
    return link;
}

static void test_sent_and_received(void **state)
{
    static uint8_t a[200], b[200], c[200];
    struct la_stack stack = {0};
    struct la_link *ends[2];
    struct la_frame frames[4];
    assert_int_equal(la_link_memory_pair(LA_LINK_IP, 1500, 8, ends), 0);
    struct la_link *link = wrap(ends[0]);

    size_t a_len = packet_tcp(a, false, 1, LA_TH_SYN, 0, false);
    packet_frame(&frames[0], a, a_len, 52);
    frames[0].reason = LA_SYN;
    assert_int_equal(link->ops->send(link, frames, 1, 1000000007), 1);

    size_t b_len = packet_tcp(b, false, 9, LA_TH_ACK, 3, false);
    size_t c_len = packet_tcp(c, true, 9, LA_TH_RST, 0, false);
    packet_frame(&frames[0], b, b_len, 52);
    packet_frame(&frames[1], c, c_len, 72);
    packet_frame(&frames[2], a, a_len, 52);
    assert_int_equal(ends[1]->ops->send(ends[1], frames, 3, 0), 3);
    assert_int_equal(link->ops->recv(link, &stack, frames, 4, 1000000100), 3);
    fake_release(&stack, frames, 3);
    frames[0].reason = LA_TAKE_DATA;
    frames[1].reason = LA_DROP_RST_INEXACT;
    frames[2].reason = LA_DROP_NO_MEMORY;
    link->ops->verdict(link, frames, 3, 1000000200);
    la_link_close(link);
    la_link_close(ends[1]);

    file_read();
    size_t at = head_check(101);
    at = packet_check(at, 1000000007, "sent: first SYN: asks to open (RFC 9293 3.10.1) [SYN]", 2, a,
                      a_len);
    at = packet_check(at, 1000000100, "received: data in order (RFC 9293 3.10.7.4) [TAKE_DATA]", 1,
                      b, b_len);
    at = packet_check(at, 1000000100,
                      "dropped: RST in the window but not exact: challenged (RFC 5961 3) "
                      "[DROP_RST_INEXACT]",
                      1, c, c_len);
    at = packet_check(at, 1000000100, "dropped: no memory left [DROP_NO_MEMORY]", 1, a, a_len);
    assert_int_equal(at, file_len);
}

/* Refused frames are not written; a verdict that never comes leaves the packet all the same. */
static void test_only_what_happened(void **state)
{
    static uint8_t a[200];
    struct la_stack stack = {0};
    struct la_link *ends[2];
    struct la_frame frames[2];
    assert_int_equal(la_link_memory_pair(LA_LINK_IP, 1500, 1, ends), 0);
    struct la_link *link = wrap(ends[0]);
    size_t len = packet_tcp(a, false, 1, LA_TH_ACK, 11, false);
    packet_frame(&frames[0], a, len, 52);
    packet_frame(&frames[1], a, len, 52);
    frames[0].reason = frames[1].reason = LA_DATA;
    assert_int_equal(link->ops->send(link, frames, 2, 5), 1);
    assert_int_equal(ends[1]->ops->send(ends[1], frames, 1, 0), 1);
    assert_int_equal(link->ops->recv(link, &stack, frames, 2, 6), 1);
    fake_release(&stack, frames, 1);
    la_link_close(link);
    la_link_close(ends[1]);

    file_read();
    size_t at = head_check(101);
    at = packet_check(at, 5, "sent: data (RFC 9293 3.10.2) [DATA]", 2, a, len);
    at = packet_check(at, 6, "received", 1, a, len);
    assert_int_equal(at, file_len);
}

/* A link that takes everything: the pair refuses super-segments. */
static int sink_send(struct la_link *link, struct la_frame *frames, size_t n, uint64_t now_ns)
{
    return (int)n;
}

static void sink_close(struct la_link *link)
{
}

static const struct la_link_ops sink_ops = {.kind = "sink", .send = sink_send, .close = sink_close};

static void test_super_segments_get_a_full_checksum(void **state)
{
    static uint8_t bytes[66000];
    struct la_link sink = {.ops = &sink_ops, .fd = -1, .name = "memory:0"};
    struct la_link *link = wrap(&sink);
    struct la_frame frame;
    size_t lens[2];
    for (int v6 = 0; v6 < 2; v6++) {
        lens[v6] = packet_tcp(bytes, v6, 1, LA_TH_ACK, 64000, true);
        packet_frame(&frame, bytes, lens[v6], v6 ? 72 : 52);
        packet_gso(&frame, v6, 0, 1448);
        frame.reason = LA_DATA;
        assert_int_equal(link->ops->send(link, &frame, 1, 1), 1);
    }
    la_link_close(link);
    file_read();
    size_t at = head_check(101);
    at = packet_check(at, 1, "sent: data (RFC 9293 3.10.2) [DATA]", 2, NULL, lens[0]);
    at = packet_check(at, 1, "sent: data (RFC 9293 3.10.2) [DATA]", 2, NULL, lens[1]);
    assert_int_equal(at, file_len);
}

static int count_lines(const char *command)
{
    char line[1000];
    int n = 0;
    FILE *out = popen(command, "r");
    assert_non_null(out);
    while (fgets(line, sizeof(line), out))
        n++;
    assert_int_equal(pclose(out), 0);
    return n;
}

/* Uses the file of the test before. */
static void test_tshark_finds_no_fault(void **state)
{
    char command[400];
    if (system("command -v tshark >/dev/null 2>&1") != 0) {
        print_message("SKIP: tshark part of link/pcapng: tshark is not installed\n");
        skip();
    }
    const char *options = "-o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE";
    snprintf(command, sizeof(command), "tshark -r %s %s 2>/dev/null", path, options);
    assert_int_equal(count_lines(command), 2);
    snprintf(command, sizeof(command),
             "tshark -r %s %s -Y 'tcp.checksum.status == 1 && frame.comment' 2>/dev/null", path,
             options);
    assert_int_equal(count_lines(command), 2);
    snprintf(command, sizeof(command),
             "tshark -r %s %s -Y '_ws.malformed || ip.checksum.status == 0 || "
             "tcp.checksum.status == 0' 2>/dev/null",
             path, options);
    assert_int_equal(count_lines(command), 0);
}

static void test_failures_say_why(void **state)
{
    struct la_link sink = {.ops = &sink_ops, .fd = -1, .name = "memory:0"};
    struct la_link *link;
    struct la_message why;
    assert_int_equal(la_link_pcapng(&sink, "/nowhere/x.pcapng", &link, &why), LA_ENOENT);
    assert_non_null(strstr(why.text, "/nowhere/x.pcapng"));
    if (access("/dev/full", W_OK) == 0) {
        assert_int_equal(la_link_pcapng(&sink, "/dev/full", &link, &why), LA_EIO);
        assert_non_null(strstr(why.text, "full"));
    }
}

static int file_make(void **state)
{
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int file_remove(void **state)
{
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sent_and_received),
        cmocka_unit_test(test_only_what_happened),
        cmocka_unit_test(test_super_segments_get_a_full_checksum),
        cmocka_unit_test(test_tshark_finds_no_fault),
        cmocka_unit_test(test_failures_say_why),
    };
    return cmocka_run_group_tests(tests, file_make, file_remove);
}
