/* The names and sentences of the error list. */
#include <lastack/err.h>

const char *la_err_name(int err)
{
    switch (err) {
#define LA_ERR_NAME(name, value, text) \
    case -(value):                     \
        return #name;
        LA_ERRORS(LA_ERR_NAME)
#undef LA_ERR_NAME
    case LA_OK:
        return "OK";
    default:
        return "?";
    }
}

const char *la_err_text(int err)
{
    switch (err) {
#define LA_ERR_TEXT(name, value, text) \
    case -(value):                     \
        return text;
        LA_ERRORS(LA_ERR_TEXT)
#undef LA_ERR_TEXT
    case LA_OK:
        return "done";
    default:
        return "?";
    }
}
