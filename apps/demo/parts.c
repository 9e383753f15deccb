/* The demo's four connections. Each part says what to look at, lets Lastack and its peer act, and
 * checks what came of it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/demo/demo.h"

#define SEND_PORT    5001
#define RECEIVE_PORT 5002
#define HTTP_PORT    8080
#define TALK_PORT    5004
#define PAUSE_NS     (UINT64_C(150) * 1000000)

/* Another descriptor of the file, at its beginning: whoever gets it closes it. */
static int from_the_beginning(int fd)
{
    (void)lseek(fd, 0, SEEK_SET);
    return dup(fd);
}

static bool same_as_sent(struct demo *d, int fd, const struct end *end)
{
    char sum[DEMO_SUM_CHARS + 1];
    bool good = props_sum(fd, sum) && strcmp(sum, d->sum) == 0;
    print_goodput(d, end, DEMO_FILE_BYTES);
    print_sums(d, d->sum, sum);
    if (!good)
        print_failure(d, "what arrived is not what was sent", "收到的内容与发出的不同");
    return good;
}

/* Lets the end and the peer act; both have been told what to do. */
static bool listen_and_play(struct demo *d, struct end *end, const struct role *role)
{
    struct peer peer;
    print_command(d, role->command, role->redirection);
    int rc = end_listen(end, role->port, role->v6);
    if (rc < 0) {
        print_failure(d, la_err_text(rc), la_err_text(rc));
        return false;
    }
    stage_diagram_begin(d);
    return stage_peer_start(d, &peer, role) && stage_play(d, end, &peer);
}

/* ---- 2 and 3: a file in each direction ------------------------------------------------------- */

bool part_netcat_fetches(struct demo *d)
{
    char command[64];
    struct end end;
    int copy = props_temporary();
    snprintf(command, sizeof(command), "%s 10.87.0.2 %d", d->nc, SEND_PORT);
    const struct role role = {.command = command,
                              .redirection = " >COPY",
                              .port = SEND_PORT,
                              .in_fd = -1,
                              .out_fd = copy};

    print_heading(d, "netcat fetches a file of 64 MiB from Lastack",
                  "netcat 从 Lastack 取一个 64 MiB 的文件");
    print_text(d,
               "Three segments open the connection. Lastack sends and closes first: FIN, its\n"
               "ACK, the other FIN, its ACK. That last ACK may be lost, so Lastack's end stays\n"
               "in TIME-WAIT to answer a FIN that comes again.",
               "三个报文段建立连接。Lastack 发送完数据后先关闭：FIN、对它的 ACK、\n"
               "对方的 FIN、对它的 ACK。最后的 ACK 可能丢失，因此 Lastack 一端停留在\n"
               "TIME-WAIT，以便应答再次到来的 FIN。");
    end_init(&end, &d->node, from_the_beginning(d->file_fd), dup(d->null_fd), true);
    bool good = copy >= 0 && listen_and_play(d, &end, &role) && same_as_sent(d, copy, &end);
    close(copy);
    return good;
}

bool part_lastack_fetches(struct demo *d)
{
    char command[64];
    struct end end;
    struct peer peer;
    const struct la_endpoint to = {.addr = node_kernel_addr(false), .port = RECEIVE_PORT};
    int copy = props_temporary();
    snprintf(command, sizeof(command), "%s -N -l %d", d->nc, RECEIVE_PORT);
    const struct role role = {.command = command,
                              .redirection = " <FILE",
                              .listens = true,
                              .port = RECEIVE_PORT,
                              .in_fd = d->file_fd,
                              .out_fd = d->null_fd,
                              .half_close = true};

    print_heading(d, "Lastack fetches the file from netcat", "Lastack 从 netcat 取回这个文件");
    print_text(d,
               "Now Lastack connects, and the kernel closes first. Lastack has nothing to send,\n"
               "so its FIN can follow at once; TIME-WAIT falls to the kernel.",
               "这次由 Lastack 主动连接，内核先关闭。Lastack 没有要发的数据，\n"
               "它的 FIN 可以立即跟上；TIME-WAIT 归内核一端。");
    print_command(d, role.command, role.redirection);
    end_init(&end, &d->node, -1, dup(copy), false);
    (void)lseek(d->file_fd, 0, SEEK_SET);
    if (copy < 0 || !stage_peer_start(d, &peer, &role))
        return false;
    stage_diagram_begin(d);
    int rc = end_connect(&end, &to);
    if (rc < 0)
        print_failure(d, la_err_text(rc), la_err_text(rc));
    bool good = rc == 0 && stage_play(d, &end, &peer) && same_as_sent(d, copy, &end);
    close(copy);
    return good;
}

/* ---- 4: a page ------------------------------------------------------------------------------ */

static void app_say(struct end *end, const char *text)
{
    size_t len = strlen(text); /* shorter than a pipe is long, so it fits */
    if (write(end->app_out_fd, text, len) != (ssize_t)len)
        abort();
}

static void app_end(struct end *end)
{
    close(end->app_out_fd);
    end->app_out_fd = -1;
}

/* Answers the first request, whatever it asks for. */
static void serve_page(struct end *end, uint64_t now_ns)
{
    static const char page[] = "Hello from user space: every segment of this answer was made,\n"
                               "numbered and retransmitted, if need be, by Lastack.\n";
    char head[256];
    (void)now_ns;
    if (!strstr(end->heard, "\r\n\r\n"))
        return;
    snprintf(head, sizeof(head),
             "HTTP/1.1 200 OK\r\nServer: lastack\r\nContent-Type: text/plain\r\n"
             "Content-Length: %zu\r\nConnection: close\r\n\r\n",
             sizeof(page) - 1);
    app_say(end, head);
    app_say(end, page);
    app_end(end);
}

bool part_curl(struct demo *d)
{
    struct end end;
    char text[1024] = "";
    int answer = props_temporary();
    int request = props_temporary();
    const struct role role = {
        .command = "curl -si -g --noproxy '*' --max-time 5 http://[fd87::2]:8080/",
        .redirection = "",
        .v6 = true,
        .port = HTTP_PORT,
        .in_fd = request, /* curl makes its own; the second stack is given this one */
        .out_fd = answer,
    };
    print_heading(d, "curl fetches a page, over IPv6", "curl 取一个网页，使用 IPv6");
    print_text(d,
               "The same TCP over the other IP: one code carries both. \"Connection: close\"\n"
               "makes the server the one that closes first, and waits.",
               "同一个 TCP，另一个 IP 版本：两者共用一份代码。\"Connection: close\"\n"
               "使服务器成为先关闭、需要等待的一端。");
    dprintf(request, "GET / HTTP/1.1\r\nHost: lastack\r\n\r\n");
    (void)lseek(request, 0, SEEK_SET);
    bool good = answer >= 0 && request >= 0 && end_init_app(&end, &d->node, serve_page) == 0 &&
                listen_and_play(d, &end, &role);
    if (good) {
        print_file(d, answer, "What curl got, head and page:", "curl 得到的首部与页面：");
        print_goodput(d, &end, end.pump.bytes_out);
        good = pread(answer, text, sizeof(text) - 1, 0) > 0 &&
               strncmp(text, "HTTP/1.1 200 OK\r\n", 17) == 0 && strstr(text, "by Lastack.\n");
        if (!good)
            print_failure(d, "the page did not arrive whole", "页面没有完整到达");
    }
    close(answer);
    close(request);
    return good;
}

/* ---- 5: half-close --------------------------------------------------------------------------- */

/* Speaks only when the peer has ended: slowly, so that the half-closed connection can be seen. */
static void answer_slowly(struct end *end, uint64_t now_ns)
{
    static const char *const lines[] = {"Your FIN was acknowledged at once,\n",
                                        "but my side stayed open for these lines,\n",
                                        "and now comes my own FIN.\n"};
    if (end->app_in_fd >= 0 || now_ns < end->app_at_ns)
        return;
    if (end->app_at_ns != 0 && end->app_step < 3)
        app_say(end, lines[end->app_step++]);
    end->app_at_ns = now_ns + PAUSE_NS;
    if (end->app_step == 3)
        app_end(end);
}

bool part_half_close(struct demo *d)
{
    char command[64];
    struct end end;
    int answer = props_temporary();
    int question = props_temporary();
    snprintf(command, sizeof(command), "%s -N 10.87.0.2 %d", d->nc, TALK_PORT);
    const struct role role = {.command = command,
                              .redirection = " <QUESTION",
                              .port = TALK_PORT,
                              .in_fd = question,
                              .out_fd = answer,
                              .half_close = true};
    print_heading(d, "the peer closes its half first", "对端先关闭自己的一半");
    print_text(d,
               "Why opening takes three segments and closing four: a SYN can be answered and\n"
               "returned in one segment, but a FIN ends one direction only. Lastack acknowledges\n"
               "it at once, goes on sending as long as it likes (CLOSE-WAIT), and sends its own\n"
               "FIN when it is done.",
               "为什么建立用三个报文段、关闭用四个：对 SYN 的应答与自己的 SYN 可以合在\n"
               "一个报文段里；而 FIN 只结束一个方向。Lastack 立即确认它，可以继续发送\n"
               "任意久（CLOSE-WAIT），发完后才送出自己的 FIN。");
    dprintf(question, "Is anybody there?\n");
    (void)lseek(question, 0, SEEK_SET);
    bool good = answer >= 0 && question >= 0 && end_init_app(&end, &d->node, answer_slowly) == 0 &&
                listen_and_play(d, &end, &role);
    if (good) {
        print_file(d, answer, "What the peer heard after it had closed its half:",
                   "对端关闭自己的一半之后听到的：");
        print_goodput(d, &end, end.pump.bytes_out);
        good = lseek(answer, 0, SEEK_END) > 100;
        if (!good)
            print_failure(d, "the answer did not arrive whole", "回答没有完整到达");
    }
    close(answer);
    close(question);
    return good;
}
