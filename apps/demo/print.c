/* How the demo looks. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "apps/demo/demo.h"

#define BOLD  "\033[1m"
#define QUIET "\033[2m"
#define PLAIN "\033[0m"

static const char *words(const struct demo *d, const char *en, const char *zh)
{
    return say_words(&d->say, en, zh);
}

static const char *style(const struct demo *d, const char *code)
{
    return d->colour ? code : "";
}

static void rule(const struct demo *d, const char *mark, const char *plain_mark)
{
    for (unsigned i = 0; i < d->columns; i++)
        fputs(d->say.unicode ? mark : plain_mark, stdout);
    putchar('\n');
}

void print_title(const struct demo *d)
{
    rule(d, "━", "=");
    printf("%s%s%s\n", style(d, BOLD),
           words(d, "Lastack: from the first SYN to the last ACK",
                 "Lastack：从第一个 SYN 到最后一个 ACK"),
           style(d, PLAIN));
    rule(d, "━", "=");
    print_text(d,
               "Two hosts open a connection in three segments and close it in four. In between\n"
               "each side keeps a control block, and the side that closed first waits a while\n"
               "longer in case its last ACK was lost. Here is all of it, segment by segment,\n"
               "each with the reason why it was sent.",
               "两台主机用三个报文段建立连接，用四个报文段关闭它。其间双方各保存一个控制块；\n"
               "先关闭的一方还要多等一会儿，以防最后的 ACK 丢失。下面逐段展示全过程，\n"
               "并说明每个报文段为何发出。");
}

/* English text from column `indent` on, broken at spaces. */
static void wrapped_put(const struct demo *d, unsigned indent, const char *text)
{
    size_t room = d->columns - indent;
    while (strlen(text) > room) {
        size_t len = room;
        while (len > 0 && text[len] != ' ')
            len--;
        if (len == 0)
            break;
        printf("%.*s\n%*s", (int)len, text, (int)indent, "");
        text += len + 1;
    }
    printf("%s\n", text);
}

void print_world(const struct demo *d)
{
    static const char *const names_en[] = {"link", "ends", "clock", "capture"};
    static const char *const names_zh[] = {"链路", "两端", "时间", "抓包"};
    const char *const *names = d->say.lang == LA_LANG_ZH ? names_zh : names_en;
    int pad = d->say.lang == LA_LANG_ZH ? 12 : 10; /* bytes; each of two characters is three */
    printf("  %-*s", pad, names[0]);
    wrapped_put(d, 12, d->node.how.text);
    printf("  %-*s%s\n", pad, names[1],
           d->memory ? words(d, "lastack 10.87.0.2 fd87::2, a second one 10.87.0.1 fd87::1",
                             "lastack 10.87.0.2 fd87::2，第二个 10.87.0.1 fd87::1")
                     : words(d, "lastack 10.87.0.2 fd87::2, the kernel's TCP 10.87.0.1 fd87::1",
                             "lastack 10.87.0.2 fd87::2，内核的 TCP 10.87.0.1 fd87::1"));
    printf("  %-*s%s\n", pad, names[2],
           words(d, "MSL is 1 s here, so TIME-WAIT lasts 2 s; usual is 30 s, and a minute",
                 "此处 MSL 为 1 秒，故 TIME-WAIT 为 2 秒；通常为 30 秒与 1 分钟"));
    printf("  %-*s%s\n", pad, names[3], d->pcap);
    if (d->memory)
        print_text(d,
                   "Without the kernel netcat and curl have no way in: the second stack plays\n"
                   "their part in what follows.",
                   "没有内核参与，netcat 与 curl 无法接入：下面由第二个协议栈扮演它们。");
}

void print_heading(struct demo *d, const char *en, const char *zh)
{
    d->part++;
    printf("\n%s%d  %s%s\n", style(d, BOLD), d->part, words(d, en, zh), style(d, PLAIN));
    rule(d, "─", "-");
}

static void lines_put(const char *text, const char *before, const char *after)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        size_t shown = len > 0 && text[len - 1] == '\r' ? len - 1 : len;
        printf("  %s%.*s%s\n", before, (int)shown, text, after);
        text += len + (text[len] == '\n');
    }
    fflush(stdout);
}

void print_text(const struct demo *d, const char *en, const char *zh)
{
    lines_put(words(d, en, zh), "", "");
}

void print_command(const struct demo *d, const char *command, const char *redirection)
{
    if (d->memory)
        printf("\n  %s\n", words(d, "The second stack does what this would do:",
                                 "由第二个协议栈代行下面的命令："));
    printf("%s  %s$ %s%s%s\n\n", d->memory ? "" : "\n", style(d, BOLD), command, redirection,
           style(d, PLAIN));
    fflush(stdout);
}

void print_file(const struct demo *d, int fd, const char *en, const char *zh)
{
    char text[2048], mark[16];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    snprintf(mark, sizeof(mark), "%s%s", style(d, QUIET), d->say.unicode ? "│ " : "| ");
    printf("\n  %s\n", words(d, en, zh));
    lines_put(text, mark, style(d, PLAIN));
}

void print_goodput(const struct demo *d, const struct end *end, uint64_t bytes)
{
    char size[LA_NUMBER_TEXT_MAX], time[LA_NUMBER_TEXT_MAX], rate[LA_NUMBER_TEXT_MAX];
    char again[LA_NUMBER_TEXT_MAX];
    uint64_t lasted_ns = end->closed_ns - end->open_ns;
    la_bytes_format(bytes, size);
    la_duration_format(lasted_ns, time);
    la_rate_format(bytes, lasted_ns, rate);
    la_count_format(end->info.rtx_segs, again);
    printf("\n  %s%s%s", style(d, BOLD), rate, style(d, PLAIN));
    printf(words(d, ": %s in %s, retransmissions: %s\n", "：%s，用时 %s，重传 %s 次\n"), size, time,
           again);
}

void print_sums(const struct demo *d, const char *sent, const char *received)
{
    bool same = strcmp(sent, received) == 0;
    const char *mark = !d->say.unicode ? "" : same ? " ✓" : " ✗";
    printf("  %s  %s\n  %s  %s\n  %s%s\n", words(d, "sent    ", "发出"), sent,
           words(d, "received", "收到"), received,
           same ? words(d, "the SHA-256 sums are the same", "SHA-256 校验和相同")
                : words(d, "the SHA-256 sums differ", "SHA-256 校验和不同"),
           mark);
}

void print_end(const struct demo *d)
{
    printf("\n");
    rule(d, "━", "=");
    print_text(d, "All four connections opened, carried what they should, and closed in order.",
               "四个连接都已建立，送到了该送的内容，并依次关闭。");
    printf("\n  %s\n    %s\n",
           words(d, "Every packet, with its reason as a comment, for Wireshark:",
                 "全部分组（原因写在注释里），可用 Wireshark 打开："),
           d->pcap);
    printf("  %s\n    echo hello | %s nc -N --trace --msl 1s --peer 'nc -l 5000' 10.87.0.1 5000\n",
           words(d, "Try one yourself:", "自己试一次："), program_invocation_name);
}

void print_failure(struct demo *d, const char *en, const char *zh)
{
    fflush(stdout);
    say_error(&d->say, "part %d failed: %s; the packets are in %s", "第 %d 部分失败：%s；分组见 %s",
              d->part, words(d, en, zh), d->pcap);
}
