/* `lastack drill --record`: captures become scripts on standard output. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/apps.h"
#include "apps/drill/drill_app.h"
#include "drill/record.h"

static uint8_t *read_whole(const char *path, size_t *len)
{
    FILE *in = fopen(path, "rb");
    uint8_t *bytes = NULL;
    size_t room = 0, n = 1;
    *len = 0;
    while (in && n > 0) {
        if (*len == room) {
            room = room ? 2 * room : 65536;
            uint8_t *more = realloc(bytes, room);
            if (!more)
                break;
            bytes = more;
        }
        n = fread(bytes + *len, 1, room - *len, in);
        *len += n;
    }
    bool good = in && !ferror(in) && n == 0;
    if (in)
        fclose(in);
    if (good)
        return bytes;
    free(bytes);
    return NULL;
}

static bool record_one(struct drill_app *app, const char *path, const struct la_addr *local)
{
    size_t len;
    char why[200];
    uint8_t *bytes = read_whole(path, &len);
    if (!bytes) {
        say_error(&app->say, "cannot read %s: %s", "无法读取 %s：%s", path, strerror(errno));
        return false;
    }
    bool good = drill_record(bytes, len, path, local, stdout, why, sizeof(why));
    if (!good)
        say_error(&app->say, "%s: %s", "%s：%s", path, why);
    free(bytes);
    return good;
}

int record_run(struct drill_app *app)
{
    struct la_addr local;
    if (app->local && la_addr_parse(app->local, &local) != 0) {
        say_error(&app->say, "--local %s: not an address", "--local %s：不是地址", app->local);
        return APP_USAGE;
    }
    bool good = true;
    for (size_t i = 0; i < app->count; i++)
        good = record_one(app, app->paths[i], app->local ? &local : NULL) && good;
    return good ? APP_DONE : APP_FAILED;
}
