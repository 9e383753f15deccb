/* Control messages of sendmsg() and recvmsg(). */
#include "posix/host.h"

#include <linux/net_tstamp.h>
#include <string.h>
#include <time.h>

#include "posix/abi.h"

/* ---- out ------------------------------------------------------------------------------------ */

void control_begin(struct control *c, struct msghdr *msg)
{
    *c = (struct control){.msg = msg};
}

/* As Linux puts them: what does not fit is cut, or left out, and MSG_CTRUNC says so. */
void control_put(struct control *c, int level, int type, const void *data, size_t len)
{
    struct msghdr *m = c->msg;
    size_t room = m->msg_control && m->msg_controllen > c->used ? m->msg_controllen - c->used : 0;
    struct cmsghdr h = {.cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type};
    if (room < sizeof(h)) {
        m->msg_flags |= MSG_CTRUNC;
        return;
    }
    if (room < h.cmsg_len) {
        m->msg_flags |= MSG_CTRUNC;
        h.cmsg_len = room;
    }
    uint8_t *at = (uint8_t *)m->msg_control + c->used;
    memcpy(at, &h, sizeof(h));
    memcpy(at + CMSG_LEN(0), data, h.cmsg_len - CMSG_LEN(0));
    size_t step = CMSG_SPACE(len);
    c->used += step < room ? step : room;
}

void control_end(struct control *c)
{
    c->msg->msg_controllen = c->used;
}

void control_time(struct px_host *h, struct control *c, uint64_t at_ns)
{
    uint64_t wall_ns = h->config.wall_ns + at_ns;
    struct timespec ts[3] = {{.tv_sec = (time_t)(wall_ns / (uint64_t)LA_NS_PER_S),
                              .tv_nsec = (long)(wall_ns % (uint64_t)LA_NS_PER_S)}};
    control_put(c, SOL_SOCKET, SCM_TIMESTAMPING, ts, sizeof(ts));
}

void control_received(struct px_host *h, struct px_file *f, struct control *c)
{
    struct la_tcp_info info;
    struct px_sock *k = &f->sock;
    if (k->inq && sock_info(h, k, &info)) {
        /* After the last byte the end is what there still is to read. */
        int left = (int)info.rcv_queued;
        if (left == 0 &&
            (la_stack_ready(h->stack, la_sock_handle(h->socks, k->lfd)) & LA_EV_PEER_CLOSED))
            left = 1;
        control_put(c, IPPROTO_TCP, PX_TCP_CM_INQ, &left, sizeof(left));
    }
}

/* ---- in ------------------------------------------------------------------------------------- */

static int one_in(const struct cmsghdr *m, struct control_in *in)
{
    int value = 0;
    size_t len = m->cmsg_len - CMSG_LEN(0);
    memcpy(&value, CMSG_DATA(m), len < sizeof(value) ? len : sizeof(value));
    if (m->cmsg_level == SOL_SOCKET && m->cmsg_type == SO_TIMESTAMPING) {
        if (len != sizeof(value))
            return -EINVAL;
        in->timestamping = value;
        return 0;
    }
    if (m->cmsg_level == IPPROTO_IP && m->cmsg_type == IP_TOS) {
        in->tos = value & 0xff;
        return len == 1 || len == sizeof(value) ? 0 : -EINVAL;
    }
    if (m->cmsg_level == IPPROTO_IP && m->cmsg_type == IP_TTL) {
        in->ttl = value;
        return len == sizeof(value) && value >= 1 && value <= 255 ? 0 : -EINVAL;
    }
    return -EINVAL;
}

int control_read(const struct msghdr *msg, struct control_in *in)
{
    struct msghdr view = *msg; /* CMSG_NXTHDR() takes no const */
    if (!msg->msg_control || msg->msg_controllen == 0)
        return 0;
    for (struct cmsghdr *m = CMSG_FIRSTHDR(&view); m; m = CMSG_NXTHDR(&view, m)) {
        size_t left = msg->msg_controllen - (size_t)((uint8_t *)m - (uint8_t *)msg->msg_control);
        if (m->cmsg_len < CMSG_LEN(0) || m->cmsg_len > left)
            return -EINVAL;
        int err = one_in(m, in);
        if (err < 0)
            return err;
    }
    return 0;
}
