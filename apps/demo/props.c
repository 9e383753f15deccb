/* What the demo needs before it begins: programs, a file to carry, a place for the capture. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/demo/demo.h"

#define PCAP_NAME "lastack-demo.pcapng"

/* ---- programs ------------------------------------------------------------------------------- */

static bool program_exists(const char *name)
{
    const char *path = getenv("PATH");
    char file[PATH_MAX];
    while (path && *path != '\0') {
        size_t len = strcspn(path, ":");
        snprintf(file, sizeof(file), "%.*s/%s", (int)len, path, name);
        if (access(file, X_OK) == 0)
            return true;
        path += len + (path[len] == ':');
    }
    return false;
}

static bool programs_find(struct demo *d)
{
    static const char *const needed[][2] = {
        {"curl", "curl"}, {"sha256sum", "coreutils"}, {"nc", "netcat-openbsd"}};
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (program_exists(needed[i][0]))
            continue;
        say_error(&d->say, "%s is missing: apt-get install %s", "缺少 %s：apt-get install %s",
                  needed[i][0], needed[i][1]);
        return false;
    }
    /* Where netcat-traditional is installed too, nc may be that one. */
    snprintf(d->nc, sizeof(d->nc), "%s", program_exists("nc.openbsd") ? "nc.openbsd" : "nc");
    return true;
}

/* ---- files ---------------------------------------------------------------------------------- */

static const char *temporary_directory(void)
{
    const char *directory = getenv("TMPDIR");
    return directory && *directory != '\0' ? directory : "/tmp";
}

int props_temporary(void)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/lastack-XXXXXX", temporary_directory());
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    unlink(path);
    return fd;
}

/* Bytes that no compression would shorten and everybody can make again: xorshift64 from a fixed
 * seed. */
static int file_fill(int fd)
{
    static uint64_t block[32 * 1024];
    uint64_t x = UINT64_C(88172645463325252);
    for (uint64_t done = 0; done < DEMO_FILE_BYTES; done += sizeof(block)) {
        for (size_t i = 0; i < sizeof(block) / sizeof(block[0]); i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            block[i] = x;
        }
        errno = ENOSPC; /* what a short write means */
        if (write(fd, block, sizeof(block)) != (ssize_t)sizeof(block))
            return -errno;
    }
    return 0;
}

static bool file_make(struct demo *d)
{
    d->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    d->file_fd = props_temporary();
    int error = d->file_fd < 0 ? d->file_fd : d->null_fd < 0 ? -errno : file_fill(d->file_fd);
    if (error) {
        say_error(&d->say, "cannot make a file of 64 MiB in %s: %s; set TMPDIR to another place",
                  "无法在 %s 中生成 64 MiB 的文件：%s；请把 TMPDIR 设为其他位置",
                  temporary_directory(), strerror(-error));
        return false;
    }
    return true;
}

/* ---- sums ----------------------------------------------------------------------------------- */

bool props_sum(int fd, char sum[DEMO_SUM_CHARS + 1])
{
    int result = props_temporary();
    struct child child = {0};
    bool good = result >= 0 && lseek(fd, 0, SEEK_SET) == 0 &&
                child_start(&child, "exec sha256sum", fd, result, STDERR_FILENO) == 0;
    if (good) {
        child_wait(&child);
        good = child.status == 0 && pread(result, sum, DEMO_SUM_CHARS, 0) == DEMO_SUM_CHARS;
    }
    sum[good ? DEMO_SUM_CHARS : 0] = '\0';
    if (result >= 0)
        close(result);
    return good;
}

/* ---- the capture ---------------------------------------------------------------------------- */

/* Takes the directory if a file can be made in it. The descriptor stays open: the namespace's
 * root may have no right to walk the path again. */
static bool pcap_in(struct demo *d, const char *directory)
{
    int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    snprintf(d->pcap_open, sizeof(d->pcap_open), "/proc/self/fd/%d/%s", fd, PCAP_NAME);
    int file = open(d->pcap_open, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0) {
        close(fd);
        return false;
    }
    close(file);
    snprintf(d->pcap, sizeof(d->pcap), "%s/%s", directory, PCAP_NAME);
    return true;
}

/* In a build directory if this is one's home, else in a temporary one. */
static bool pcap_place(struct demo *d, const char *path)
{
    char directory[PATH_MAX];
    if (path) {
        snprintf(d->pcap, sizeof(d->pcap), "%s", path);
        snprintf(d->pcap_open, sizeof(d->pcap_open), "%s", path);
        return true;
    }
    if (access("build", W_OK) == 0) {
        (void)mkdir("build/demo", 0777);
        if (pcap_in(d, "build/demo"))
            return true;
    }
    snprintf(directory, sizeof(directory), "%s/lastack-demo-XXXXXX", temporary_directory());
    if (mkdtemp(directory) && pcap_in(d, directory))
        return true;
    say_error(&d->say, "no place for the capture in build/ or %s: give one with --pcap",
              "build/ 与 %s 都无法存放抓包文件：请用 --pcap 指定", temporary_directory());
    return false;
}

bool props_make(struct demo *d, const char *pcap)
{
    if (!programs_find(d) || !pcap_place(d, pcap) || !file_make(d))
        return false;
    if (props_sum(d->file_fd, d->sum))
        return true;
    say_error(&d->say, "sha256sum failed: see the line above", "sha256sum 失败：见上一行");
    return false;
}
