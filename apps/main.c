/* lastack: one program, one sub-command a job. */
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <lastack/version.h>

#include "apps/apps.h"
#include "apps/common/say.h"

struct command {
    const char *name;
    int (*main)(int argc, char **argv);
    const char *en, *zh;
};

static const struct command commands[] = {
    {"demo", demo_main, "the whole story in a few seconds, against the kernel's own TCP",
     "几秒钟看完整个过程：与内核自己的 TCP 对话"},
    {"nc", nc_main, "bytes from standard input to a peer and back, like netcat",
     "像 netcat 一样在标准输入输出与对端之间传送字节"},
    {"wire", wire_main, "a bad wire between two TUN devices, or a device and Lastack",
     "连接两个 TUN 设备（或设备与 Lastack）的劣质线路"},
    {"lab", lab_main, "experiments that answer questions about TCP, by running it",
     "用运行本身回答关于 TCP 的问题的实验"},
    {"sim", sim_main, "many hosts and bad links in virtual time, repeatable from one seed",
     "虚拟时间中的多台主机与劣质链路，由一个种子重现"},
    {"drill", drill_main, "packet scripts: the stack checked segment by segment, in virtual time",
     "报文脚本：在虚拟时间中逐报文段检验协议栈"},
    {"bench", bench_main, "what it costs: the benchmarks", "性能测量"},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void help(const struct say *say)
{
    say_text(stdout, say,
             "Usage: lastack SUBCOMMAND [OPTION...]\n"
             "A TCP/IP stack in user space, from the first SYN to the last ACK.\n\n",
             "用法：lastack 子命令 [选项...]\n"
             "运行在用户态的 TCP/IP 协议栈：从第一个 SYN 到最后一个 ACK。\n\n");
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  %-7s %s\n", commands[i].name, say_words(say, commands[i].en, commands[i].zh));
    say_text(stdout, say,
             "\n  --help, --version, --lang en|zh\n\n"
             "Begin with `lastack demo`; `lastack SUBCOMMAND --help` says more about each.\n"
             "Exit codes: 0 done, 1 the job failed, 2 wrong usage.\n",
             "\n  --help、--version、--lang en|zh\n\n"
             "请从 `lastack demo` 开始；`lastack 子命令 --help` 说明每个子命令。\n"
             "退出码：0 完成，1 任务失败，2 用法错误。\n");
}

/* A descriptor 0, 1 or 2 that is closed would be given to the next file that is opened, and bytes
 * meant for nobody would go there. What takes their place refuses to be used. */
static void standard_descriptors_hold(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

static int command_run(const struct command *command, int argc, char **argv)
{
    int code = command->main(argc, argv);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "lastack %s: cannot write standard output: closed, or is the disk full?\n",
            command->name);
    return code == APP_DONE ? APP_FAILED : code;
}

int main(int argc, char **argv)
{
    standard_descriptors_hold();
    setlocale(LC_CTYPE, "");
    struct say say;
    say_init(&say, "lastack", argc, argv);

    int i = 1; /* --lang may stand before the sub-command */
    while (i < argc && strncmp(argv[i], "--lang", 6) == 0)
        i += argv[i][6] == '=' ? 1 : 2;
    if (i >= argc) {
        say_error(&say, "no sub-command: write lastack demo, or see lastack --help",
                  "缺少子命令：请输入 lastack demo，或查看 lastack --help");
        return APP_USAGE;
    }
    const char *name = argv[i];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        help(&say);
        return APP_DONE;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        printf("lastack %s\n", LA_VERSION);
        return APP_DONE;
    }
    for (size_t c = 0; c < COMMANDS; c++)
        if (strcmp(name, commands[c].name) == 0)
            return command_run(&commands[c], argc - i, argv + i);
    say_error(
        &say,
        "no sub-command \"%s\": there are demo, nc, lab, wire, sim and bench (lastack --help)",
        "没有子命令 \"%s\"：可用的有 demo、nc、lab、wire、sim 和 bench（见 lastack --help）", name);
    return APP_USAGE;
}
