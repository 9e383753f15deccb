/* Everything at once. A program without an operating system below it takes stack.h, tcp.h and
 * udp.h instead: link.h and host.h need Linux, view.h needs stdio. */
#ifndef LASTACK_LASTACK_H
#define LASTACK_LASTACK_H

#include <lastack/addr.h>
#include <lastack/chart.h>
#include <lastack/err.h>
#include <lastack/frame.h>
#include <lastack/host.h>
#include <lastack/link.h>
#include <lastack/reason.h>
#include <lastack/sock.h>
#include <lastack/stack.h>
#include <lastack/tcp.h>
#include <lastack/trace.h>
#include <lastack/udp.h>
#include <lastack/version.h>
#include <lastack/view.h>

#endif
