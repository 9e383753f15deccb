/* Blocks and options of pcapng. */
#include "link/capture.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "link/message.h"

#define BLOCK_SECTION   0x0a0d0d0aU
#define BLOCK_INTERFACE 1U
#define BLOCK_PACKET    6U
#define BYTE_ORDER_MARK 0x1a2b3c4dU

#define LINKTYPE_ETHERNET 1
#define LINKTYPE_RAW      101 /* begins with an IPv4 or IPv6 header */

#define OPT_END         0
#define OPT_COMMENT     1
#define SHB_USERAPPL    4
#define IF_NAME         2
#define IF_DESCRIPTION  3
#define IF_TSRESOL      9
#define EPB_FLAGS       2
#define EPB_INBOUND     1U
#define EPB_OUTBOUND    2U
#define TSRESOL_NS      9  /* 10^-9 s */
#define PACKET_HEAD_LEN 28 /* type, length, interface, time (2), captured and original length */

#define OPTIONS_MAX 256 /* longest list of options of any block here */
#define FILE_BUFFER (256 * 1024)

/* A list of options that is being written. */
struct options {
    uint8_t bytes[OPTIONS_MAX];
    size_t len;
};

static size_t padded(size_t len)
{
    return (len + 3) & ~(size_t)3;
}

static void option_add(struct options *options, uint16_t code, const void *value, size_t len)
{
    uint16_t head[2] = {code, (uint16_t)len};
    if (options->len + sizeof(head) + padded(len) > sizeof(options->bytes))
        return;
    uint8_t *to = options->bytes + options->len;
    memcpy(to, head, sizeof(head));
    memset(to + sizeof(head), 0, padded(len));
    if (len > 0)
        memcpy(to + sizeof(head), value, len);
    options->len += sizeof(head) + padded(len);
}

static void broken(struct capture *capture)
{
    capture->broken = true;
    fprintf(stderr, "lastack: the capture ends here, writing it failed: %s\n", strerror(errno));
}

static void put(struct capture *capture, const void *bytes, size_t len)
{
    if (!capture->broken && fwrite(bytes, 1, len, capture->file) != len)
        broken(capture);
}

/* A whole block: type, length, `body`, options, length again. */
static void block_put(struct capture *capture, uint32_t type, const void *body, size_t body_len,
                      const struct options *options)
{
    uint32_t total = (uint32_t)(12 + body_len + options->len);
    uint32_t head[2] = {type, total};
    put(capture, head, sizeof(head));
    put(capture, body, body_len);
    put(capture, options->bytes, options->len);
    put(capture, &total, sizeof(total));
}

static void section_put(struct capture *capture)
{
    struct {
        uint32_t order;
        uint16_t major, minor;
        uint64_t length;
    } body = {BYTE_ORDER_MARK, 1, 0, UINT64_MAX};
    struct options options = {.len = 0};
    option_add(&options, SHB_USERAPPL, "lastack", 7);
    option_add(&options, OPT_END, NULL, 0);
    block_put(capture, BLOCK_SECTION, &body, sizeof(body), &options);
}

static void interface_put(struct capture *capture, const struct capture_interface *interface)
{
    struct {
        uint16_t linktype, reserved;
        uint32_t snaplen;
    } body = {LINKTYPE_RAW, 0, 0};
    if (interface->type == LA_LINK_ETHERNET)
        body.linktype = LINKTYPE_ETHERNET;
    const uint8_t resolution = TSRESOL_NS;
    struct options options = {.len = 0};
    option_add(&options, IF_NAME, interface->name, strlen(interface->name));
    option_add(&options, IF_DESCRIPTION, interface->side, strlen(interface->side));
    option_add(&options, IF_TSRESOL, &resolution, 1);
    option_add(&options, OPT_END, NULL, 0);
    block_put(capture, BLOCK_INTERFACE, &body, sizeof(body), &options);
}

bool capture_packet(struct capture *capture, const void *bytes, uint32_t len, uint64_t time_ns,
                    bool inbound, const char *comment)
{
    static const uint8_t padding[4];
    uint32_t flags = inbound ? EPB_INBOUND : EPB_OUTBOUND;
    struct options options = {.len = 0};
    option_add(&options, OPT_COMMENT, comment, strlen(comment));
    option_add(&options, EPB_FLAGS, &flags, sizeof(flags));
    option_add(&options, OPT_END, NULL, 0);

    uint32_t total = (uint32_t)(PACKET_HEAD_LEN + padded(len) + options.len + 4);
    uint32_t head[7] = {BLOCK_PACKET,      total, 0,  (uint32_t)(time_ns >> 32),
                        (uint32_t)time_ns, len,   len};
    put(capture, head, sizeof(head));
    put(capture, bytes, len);
    put(capture, padding, padded(len) - len);
    put(capture, options.bytes, options.len);
    put(capture, &total, sizeof(total));
    return !capture->broken;
}

void capture_flush(struct capture *capture)
{
    if (!capture->broken && fflush(capture->file) != 0)
        broken(capture);
}

void capture_close(struct capture *capture)
{
    if (!capture->file)
        return;
    capture_flush(capture);
    fclose(capture->file);
    capture->file = NULL;
}

int capture_open(struct capture *capture, const char *path,
                 const struct capture_interface *interface, struct la_message *why)
{
    *capture = (struct capture){.file = fopen(path, "wbe")};
    if (!capture->file) {
        int error = errno;
        message_set(why, "cannot write the capture %s: %s; choose another place", path,
                    strerror(error));
        return message_error(error);
    }
    setvbuf(capture->file, NULL, _IOFBF, FILE_BUFFER);
    section_put(capture);
    interface_put(capture, interface);
    if (fflush(capture->file) == 0)
        return 0;
    message_set(why, "cannot write the capture %s: is the disk full?", path);
    fclose(capture->file);
    capture->file = NULL;
    return LA_EIO;
}

uint64_t capture_epoch_ns(void)
{
    struct timespec wall, monotonic;
    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_MONOTONIC, &monotonic);
    int64_t seconds = (int64_t)wall.tv_sec - monotonic.tv_sec;
    return (uint64_t)(seconds * LA_NS_PER_S + wall.tv_nsec - monotonic.tv_nsec);
}
