/* The version of the library. The build reads it from here. */
#ifndef LASTACK_VERSION_H
#define LASTACK_VERSION_H

#define LA_VERSION_MAJOR 0
#define LA_VERSION_MINOR 1
#define LA_VERSION_PATCH 0
#define LA_VERSION       "0.1.0"

#endif
