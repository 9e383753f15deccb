/* Fields by offset and width: see field.h. */
#include "posix/field.h"

#include <stdbool.h>
#include <string.h>

int64_t field_get(const void *at, enum width width)
{
    uint16_t u16;
    uint32_t u32;
    switch (width) {
    case BOOL:
        return *(const bool *)at ? 1 : 0;
    case U8:
        return *(const uint8_t *)at;
    case U16:
        memcpy(&u16, at, sizeof(u16));
        return u16;
    case U32:
        memcpy(&u32, at, sizeof(u32));
        return u32;
    }
    return 0;
}

void field_put(void *at, enum width width, int64_t value)
{
    uint16_t u16 = (uint16_t)value;
    uint32_t u32 = (uint32_t)value;
    switch (width) {
    case BOOL:
        *(bool *)at = value != 0;
        return;
    case U8:
        *(uint8_t *)at = (uint8_t)value;
        return;
    case U16:
        memcpy(at, &u16, sizeof(u16));
        return;
    case U32:
        memcpy(at, &u32, sizeof(u32));
        return;
    }
}
