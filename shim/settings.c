/* What the script set before its first socket, and what the tool's flags say. */
#include "shim/world.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drill/drill.h"

/* ---- sysctls -------------------------------------------------------------------------------- */

/* "net.ipv4.tcp_sack" stands in /proc/sys/net/ipv4/tcp_sack; false: not on this kernel. */
static bool read_sysctl(const char *name, char *text, size_t size)
{
    char path[128];
    int n = snprintf(path, sizeof(path), "/proc/sys/%s", name);
    if (n < 0 || (size_t)n >= sizeof(path))
        return false;
    for (char *at = path + sizeof("/proc/sys/") - 1; *at; at++)
        if (*at == '.')
            *at = '/';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t len = read(fd, text, size - 1);
    close(fd);
    if (len <= 0)
        return false;
    text[len] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return true;
}

/* Every setting that the kernel and the host both know. The kernel's own defaults are never worth a
 * word; what the stack cannot do is said once. */
void settings_read(struct world *w)
{
    char text[256];
    const char *name;
    for (unsigned i = 0; (name = px_setting_name(i)) != NULL; i++) {
        if (strncmp(name, "net.", 4) != 0 || !read_sysctl(name, text, sizeof(text)))
            continue;
        int err = px_setting(w->host, name, text);
        bool news = i < sizeof(w->told) / sizeof(w->told[0]) && !w->told[i];
        if (err == 0 || err == -EPERM || !news)
            continue;
        w->told[i] = true;
        fprintf(stderr, "lastack: %s = %s: %s\n", name, text,
                err == -EBUSY ? "too late, sockets exist" : strerror(-err));
    }
}

/* ---- personas ------------------------------------------------------------------------------- */

/* Where this library lies, personas lie nearby: in the source tree, or where they are installed. */
static bool beside_library(const char *name, char *path, size_t size)
{
    static const char *const places[] = {"../drill/personas", "../../drill/personas",
                                         "../share/lastack/personas",
                                         "../../share/lastack/personas"};
    Dl_info info;
    if (!dladdr((const void *)places, &info) || !info.dli_fname)
        return false;
    const char *slash = strrchr(info.dli_fname, '/');
    int dir = slash ? (int)(slash - info.dli_fname) : 1;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        int n = snprintf(path, size, "%.*s/%s/%s.persona", dir, slash ? info.dli_fname : ".",
                         places[i], name);
        if (n > 0 && (size_t)n < size && access(path, R_OK) == 0)
            return true;
    }
    return false;
}

bool settings_persona(struct world *w)
{
    static struct drill_persona persona; /* 20 KiB; its strings are copied by who takes them */
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    char path[600], why[1200] = "";
    const char *name = w->persona[0] ? w->persona : "linux";
    if (strcmp(name, "none") == 0)
        return true;
    bool plain = !strchr(name, '/') && !getenv("LASTACK_PERSONAS");
    if (plain && beside_library(name, path, sizeof(path)))
        name = path;
    pthread_mutex_lock(&lock);
    bool good = drill_persona_load(&persona, name, why, sizeof(why));
    for (unsigned i = 0; good && i < persona.count; i++) {
        int err = px_setting(w->host, persona.settings[i].name, persona.settings[i].value);
        good = err == 0;
        if (err < 0)
            snprintf(why, sizeof(why), "%.500s: %s = %s: %s", name, persona.settings[i].name,
                     persona.settings[i].value, strerror(-err));
    }
    pthread_mutex_unlock(&lock);
    if (!good)
        fprintf(stderr, "lastack: %s\n", why);
    return good;
}

/* ---- flags ---------------------------------------------------------------------------------- */

static bool add_address(struct px_config *c, const char *text)
{
    struct la_addr addr;
    if (c->addrs_count == PX_ADDRS_MAX || la_addr_parse(text, &addr) < 0)
        return false;
    c->addrs[c->addrs_count].addr = addr;
    c->addrs[c->addrs_count++].prefix = la_addr_is_v4(&addr) ? 16 : 48;
    return true;
}

static bool one_word(struct world *w, const char *word, struct px_config *c)
{
    char *end;
    if (strncmp(word, "mtu=", 4) == 0) {
        unsigned long mtu = strtoul(word + 4, &end, 10);
        w->mtu_given = true;
        c->mtu = (uint32_t)mtu;
        return *end == '\0' && mtu >= 576 && mtu <= 65535;
    }
    if (strncmp(word, "local=", 6) == 0)
        return add_address(c, word + 6);
    if (strncmp(word, "seed=", 5) == 0) {
        unsigned long long seed = strtoull(word + 5, &end, 0);
        memcpy(c->seed, &seed, sizeof(seed));
        return *end == '\0' && end != word + 5;
    }
    if (strncmp(word, "persona=", 8) == 0) {
        int n = snprintf(w->persona, sizeof(w->persona), "%s", word + 8);
        return n > 0 && (size_t)n < sizeof(w->persona);
    }
    if (strcmp(word, "tso") == 0)
        c->super_segments = true;
    else if (strcmp(word, "slow") == 0)
        c->fast_path = false;
    else
        return false;
    return true;
}

bool settings_flags(struct world *w, const char *flags, struct px_config *c)
{
    char text[512];
    int n = snprintf(text, sizeof(text), "%s", flags ? flags : "");
    if (n < 0 || (size_t)n >= sizeof(text)) {
        fprintf(stderr, "lastack: the flags are too long\n");
        return false;
    }
    char *rest = text;
    for (char *word = strtok_r(rest, " ,", &rest); word; word = strtok_r(NULL, " ,", &rest)) {
        if (one_word(w, word, c))
            continue;
        fprintf(stderr,
                "lastack: %s: not a flag; known are persona=NAME mtu=N local=ADDRESS "
                "seed=N tso slow\n",
                word);
        return false;
    }
    /* The tool's own defaults. */
    bool v4 = false, v6 = false;
    for (unsigned i = 0; i < c->addrs_count; i++) {
        v4 = v4 || la_addr_is_v4(&c->addrs[i].addr);
        v6 = v6 || !la_addr_is_v4(&c->addrs[i].addr);
    }
    return (v4 || add_address(c, "192.168.0.1")) && (v6 || add_address(c, "fd3d:0a0b:17d6::1"));
}
