/* size: what `size -t` says of the core's archive, text, data and bss together. Text counts
 * constants and unwind tables too. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apps/bench/bench.h"

#define ARCHIVE   "liblastack_core.a"
#define INSTALLED "../lib/" ARCHIVE

/* The archive next to this program, where it was built, or in ../lib, where it is installed. */
static bool archive_path(char *path, size_t len)
{
    ssize_t got = readlink("/proc/self/exe", path, len - 1);
    if (got < 0)
        return false;
    path[got] = '\0';
    char *slash = strrchr(path, '/');
    size_t dir = slash ? (size_t)(slash + 1 - path) : 0;
    if (dir + sizeof(INSTALLED) > len)
        return false;
    memcpy(path + dir, ARCHIVE, sizeof(ARCHIVE));
    if (access(path, R_OK) < 0)
        memcpy(path + dir, INSTALLED, sizeof(INSTALLED));
    return true;
}

static void size_exec(const char *path, int out)
{
    dup2(out, STDOUT_FILENO);
    execlp("size", "size", "-t", path, (char *)NULL);
    _exit(127);
}

/* The last line: text, data, bss, sum, sum in hexadecimal, "(TOTALS)". */
static bool totals_read(FILE *in, unsigned long sections[3])
{
    char line[4096];
    bool found = false;
    while (fgets(line, sizeof(line), in)) {
        if (strstr(line, "(TOTALS)"))
            found = sscanf(line, "%lu %lu %lu", &sections[0], &sections[1], &sections[2]) == 3;
    }
    return found;
}

void size_run(struct bench *bench, struct figure *group)
{
    char beside[PATH_MAX];
    const char *path = bench->archive;
    unsigned long s[3];
    int pipe_fds[2];
    int status = 0;
    if (!path)
        path = archive_path(beside, sizeof(beside)) ? beside : ARCHIVE;
    if (access(path, R_OK) < 0) {
        figures_missing(group, "cannot read %.150s: %s; name it with --archive", path,
                        strerror(errno));
        return;
    }
    if (pipe2(pipe_fds, O_CLOEXEC) < 0) {
        figures_missing(group, "no pipe: %s", strerror(errno));
        return;
    }
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        size_exec(path, pipe_fds[1]);
    close(pipe_fds[1]);
    FILE *in = fdopen(pipe_fds[0], "r");
    bool found = in && totals_read(in, s);
    if (in)
        fclose(in);
    if (child > 0)
        waitpid(child, &status, 0);
    if (!found || status != 0) {
        figures_missing(group,
                        status == 127 << 8 ? "size is not there: install binutils"
                                           : "size -t does not say the totals of %.150s",
                        path);
        return;
    }
    figure_add(group, (double)(s[0] + s[1] + s[2]));
    condition_number(group, "text", (double)s[0]);
    condition_number(group, "data", (double)s[1]);
    condition_number(group, "bss", (double)s[2]);
}
