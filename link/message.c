/* Sentences for the user and errors from the system. */
#include "link/message.h"

#include <stdarg.h>
#include <stdio.h>

void message_set(struct la_message *why, const char *format, ...)
{
    if (!why)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(why->text, sizeof(why->text), format, args);
    va_end(args);
}

int message_error(int errno_value)
{
    switch (errno_value) {
#define ERROR_CASE(name, value, text) case value:
        LA_ERRORS(ERROR_CASE)
#undef ERROR_CASE
        return -errno_value;
    default:
        return LA_EIO;
    }
}
