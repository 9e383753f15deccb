/* Names and numbers: see names.h. The numbers are the ABI of Linux; where the C library has no
 * name for one, it stands here. */
#include "drill/names.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "posix/abi.h"

struct name {
    const char *text;
    int64_t number;
};

#define N(name)     \
    {               \
#name, name \
    }
#define NUMBER(name, val) \
    {                     \
        name, val         \
    }

static const struct name constants[] = {
    N(AF_UNSPEC),
    N(AF_INET),
    N(AF_INET6),
    N(PF_INET),
    N(PF_INET6),
    N(AF_UNIX),
    N(SOCK_STREAM),
    N(SOCK_DGRAM),
    N(SOCK_RAW),
    N(SOCK_NONBLOCK),
    N(SOCK_CLOEXEC),
    N(IPPROTO_IP),
    N(IPPROTO_TCP),
    N(IPPROTO_UDP),
    N(IPPROTO_IPV6),
    N(IPPROTO_ICMP),
    N(IPPROTO_ICMPV6),
    N(INADDR_ANY),
    N(INADDR_LOOPBACK),
    N(SOL_SOCKET),
    NUMBER("SOL_IP", 0),
    NUMBER("SOL_TCP", 6),
    NUMBER("SOL_UDP", 17),
    NUMBER("SOL_IPV6", 41),

    N(SO_DEBUG),
    N(SO_REUSEADDR),
    N(SO_TYPE),
    N(SO_ERROR),
    N(SO_DONTROUTE),
    N(SO_BROADCAST),
    N(SO_SNDBUF),
    N(SO_RCVBUF),
    N(SO_SNDBUFFORCE),
    N(SO_RCVBUFFORCE),
    N(SO_KEEPALIVE),
    N(SO_OOBINLINE),
    N(SO_PRIORITY),
    N(SO_LINGER),
    N(SO_REUSEPORT),
    N(SO_RCVLOWAT),
    N(SO_SNDLOWAT),
    N(SO_RCVTIMEO),
    N(SO_SNDTIMEO),
    N(SO_BINDTODEVICE),
    N(SO_TIMESTAMP),
    N(SO_ACCEPTCONN),
    N(SO_MARK),
    N(SO_PROTOCOL),
    N(SO_DOMAIN),
    N(SO_BUSY_POLL),
    N(SO_MAX_PACING_RATE),
    N(SO_INCOMING_CPU),
    NUMBER("SO_MEMINFO", 55),
    NUMBER("SO_ZEROCOPY", 60),
    NUMBER("SO_TIMESTAMPING", 37),
    NUMBER("SCM_TIMESTAMPING", 37),
    NUMBER("SO_TXTIME", 61),
    NUMBER("SO_TIMESTAMPNS", 35),

    N(TCP_NODELAY),
    N(TCP_MAXSEG),
    N(TCP_CORK),
    N(TCP_KEEPIDLE),
    N(TCP_KEEPINTVL),
    N(TCP_KEEPCNT),
    N(TCP_SYNCNT),
    N(TCP_LINGER2),
    N(TCP_DEFER_ACCEPT),
    N(TCP_WINDOW_CLAMP),
    N(TCP_INFO),
    N(TCP_QUICKACK),
    N(TCP_CONGESTION),
    N(TCP_MD5SIG),
    NUMBER("TCP_THIN_LINEAR_TIMEOUTS", 16),
    NUMBER("TCP_THIN_DUPACK", 17),
    N(TCP_USER_TIMEOUT),
    N(TCP_REPAIR),
    N(TCP_FASTOPEN),
    NUMBER("TCP_TIMESTAMP", 24),
    NUMBER("TCP_NOTSENT_LOWAT", 25),
    NUMBER("TCP_CC_INFO", 26),
    NUMBER("TCP_SAVE_SYN", 27),
    NUMBER("TCP_SAVED_SYN", 28),
    NUMBER("TCP_FASTOPEN_CONNECT", 30),
    NUMBER("TCP_ULP", 31),
    NUMBER("TCP_FASTOPEN_KEY", 33),
    NUMBER("TCP_FASTOPEN_NO_COOKIE", 34),
    NUMBER("TCP_INQ", 36),
    NUMBER("TCP_CM_INQ", 36),
    NUMBER("TCP_TX_DELAY", 37),

    N(IP_TOS),
    N(IP_TTL),
    N(IP_MTU_DISCOVER),
    N(IP_MTU),
    N(IP_RECVERR),
    N(IP_RECVTOS),
    N(IP_RECVTTL),
    N(IP_PKTINFO),
    N(IP_FREEBIND),
    N(IP_MINTTL),
    N(IP_PMTUDISC_DONT),
    N(IP_PMTUDISC_WANT),
    N(IP_PMTUDISC_DO),
    N(IP_PMTUDISC_PROBE),
    NUMBER("IP_BIND_ADDRESS_NO_PORT", 24),
    N(IPV6_V6ONLY),
    N(IPV6_UNICAST_HOPS),
    N(IPV6_TCLASS),
    N(IPV6_RECVERR),
    N(IPV6_MTU),
    N(IPV6_MTU_DISCOVER),
    N(IPV6_RECVTCLASS),
    N(IPV6_PMTUDISC_DONT),
    N(IPV6_PMTUDISC_WANT),
    N(IPV6_PMTUDISC_DO),
    N(IPV6_PMTUDISC_PROBE),

    N(MSG_OOB),
    N(MSG_PEEK),
    N(MSG_DONTROUTE),
    N(MSG_CTRUNC),
    N(MSG_TRUNC),
    N(MSG_DONTWAIT),
    N(MSG_EOR),
    N(MSG_WAITALL),
    N(MSG_CONFIRM),
    N(MSG_ERRQUEUE),
    N(MSG_NOSIGNAL),
    N(MSG_MORE),
    NUMBER("MSG_ZEROCOPY", 0x4000000),
    NUMBER("MSG_FASTOPEN", 0x20000000),

    N(O_RDONLY),
    N(O_WRONLY),
    N(O_RDWR),
    N(O_NONBLOCK),
    N(O_CLOEXEC),
    N(O_APPEND),
    N(O_CREAT),
    N(F_GETFL),
    N(F_SETFL),
    N(F_GETFD),
    N(F_SETFD),
    N(F_DUPFD),
    N(FD_CLOEXEC),
    N(SHUT_RD),
    N(SHUT_WR),
    N(SHUT_RDWR),
    N(FIONREAD),
    N(FIONBIO),
    N(SIOCINQ),
    N(SIOCOUTQ),
    NUMBER("SIOCOUTQNSD", 0x894B),
    N(SIOCATMARK),

    N(POLLIN),
    N(POLLPRI),
    N(POLLOUT),
    N(POLLERR),
    N(POLLHUP),
    N(POLLNVAL),
    N(POLLRDNORM),
    N(POLLRDBAND),
    N(POLLWRNORM),
    N(POLLWRBAND),
    N(POLLRDHUP),
    N(EPOLL_CTL_ADD),
    N(EPOLL_CTL_DEL),
    N(EPOLL_CTL_MOD),
    N(EPOLLIN),
    N(EPOLLPRI),
    N(EPOLLOUT),
    N(EPOLLRDNORM),
    N(EPOLLRDBAND),
    N(EPOLLWRNORM),
    N(EPOLLWRBAND),
    N(EPOLLMSG),
    N(EPOLLERR),
    N(EPOLLHUP),
    N(EPOLLRDHUP),
    NUMBER("EPOLLEXCLUSIVE", 1 << 28),
    NUMBER("EPOLLWAKEUP", 1 << 29),
    NUMBER("EPOLLONESHOT", 1 << 30),
    NUMBER("EPOLLET", INT64_C(1) << 31),
    N(EPOLL_CLOEXEC),

    N(SO_EE_ORIGIN_NONE),
    N(SO_EE_ORIGIN_LOCAL),
    N(SO_EE_ORIGIN_ICMP),
    N(SO_EE_ORIGIN_ICMP6),
    NUMBER("SO_EE_ORIGIN_TIMESTAMPING", 4),
    NUMBER("SO_EE_ORIGIN_ZEROCOPY", 5),
    NUMBER("SO_EE_CODE_ZEROCOPY_COPIED", 1),
    NUMBER("SCM_TSTAMP_SND", 0),
    NUMBER("SCM_TSTAMP_SCHED", 1),
    NUMBER("SCM_TSTAMP_ACK", 2),
    N(SOF_TIMESTAMPING_TX_HARDWARE),
    N(SOF_TIMESTAMPING_TX_SOFTWARE),
    N(SOF_TIMESTAMPING_RX_HARDWARE),
    N(SOF_TIMESTAMPING_RX_SOFTWARE),
    N(SOF_TIMESTAMPING_SOFTWARE),
    N(SOF_TIMESTAMPING_RAW_HARDWARE),
    N(SOF_TIMESTAMPING_OPT_ID),
    N(SOF_TIMESTAMPING_TX_SCHED),
    N(SOF_TIMESTAMPING_TX_ACK),
    N(SOF_TIMESTAMPING_OPT_CMSG),
    N(SOF_TIMESTAMPING_OPT_TSONLY),

    {"TCP_ESTABLISHED", PX_TCP_ESTABLISHED},
    {"TCP_SYN_SENT", PX_TCP_SYN_SENT},
    {"TCP_SYN_RECV", PX_TCP_SYN_RECV},
    {"TCP_FIN_WAIT1", PX_TCP_FIN_WAIT1},
    {"TCP_FIN_WAIT2", PX_TCP_FIN_WAIT2},
    {"TCP_TIME_WAIT", PX_TCP_TIME_WAIT},
    {"TCP_CLOSE", PX_TCP_CLOSE},
    {"TCP_CLOSE_WAIT", PX_TCP_CLOSE_WAIT},
    {"TCP_LAST_ACK", PX_TCP_LAST_ACK},
    {"TCP_LISTEN", PX_TCP_LISTEN},
    {"TCP_CLOSING", PX_TCP_CLOSING},
    {"TCP_CA_Open", PX_CA_OPEN},
    {"TCP_CA_Disorder", PX_CA_DISORDER},
    {"TCP_CA_CWR", PX_CA_CWR},
    {"TCP_CA_Recovery", PX_CA_RECOVERY},
    {"TCP_CA_Loss", PX_CA_LOSS},
    {"TCPI_OPT_TIMESTAMPS", PX_TCPI_OPT_TIMESTAMPS},
    {"TCPI_OPT_SACK", PX_TCPI_OPT_SACK},
    {"TCPI_OPT_WSCALE", PX_TCPI_OPT_WSCALE},
    {"TCPI_OPT_ECN", PX_TCPI_OPT_ECN},
    {"TCPI_OPT_ECN_SEEN", PX_TCPI_OPT_ECN_SEEN},
    {"TCPI_OPT_SYN_DATA", PX_TCPI_OPT_SYN_DATA},
};

static const struct name errors[] = {
    N(EPERM),           N(ENOENT),          N(EINTR),         N(EIO),
    N(EBADF),           N(EAGAIN),          N(ENOMEM),        N(EACCES),
    N(EFAULT),          N(EBUSY),           N(EEXIST),        N(ENODEV),
    N(EINVAL),          N(ENFILE),          N(EMFILE),        N(ENOSPC),
    N(ESPIPE),          N(EPIPE),           N(EDOM),          N(ENOMSG),
    N(ENODATA),         N(EPROTO),          N(EOVERFLOW),     N(ENOTSOCK),
    N(EDESTADDRREQ),    N(EMSGSIZE),        N(EPROTOTYPE),    N(ENOPROTOOPT),
    N(EPROTONOSUPPORT), N(ESOCKTNOSUPPORT), N(EOPNOTSUPP),    N(EPFNOSUPPORT),
    N(EAFNOSUPPORT),    N(EADDRINUSE),      N(EADDRNOTAVAIL), N(ENETDOWN),
    N(ENETUNREACH),     N(ENETRESET),       N(ECONNABORTED),  N(ECONNRESET),
    N(ENOBUFS),         N(EISCONN),         N(ENOTCONN),      N(ESHUTDOWN),
    N(ETOOMANYREFS),    N(ETIMEDOUT),       N(ECONNREFUSED),  N(EHOSTDOWN),
    N(EHOSTUNREACH),    N(EALREADY),        N(EINPROGRESS),   N(ESTALE),
    N(ECANCELED),       N(EKEYREJECTED),    N(EWOULDBLOCK),   N(ENOTSUP),
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool find(const struct name *names, size_t count, const char *text, int64_t *number)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i].text, text) == 0) {
            *number = names[i].number;
            return true;
        }
    }
    return false;
}

bool drill_constant(const char *name, bool ipv6, int64_t *number)
{
    if (strcmp(name, "CMSG_LEVEL_IP") == 0)
        *number = ipv6 ? 41 : 0;
    else if (strcmp(name, "CMSG_TYPE_RECVERR") == 0)
        *number = ipv6 ? IPV6_RECVERR : IP_RECVERR;
    else
        return find(constants, COUNT(constants), name, number) ||
               find(errors, COUNT(errors), name, number);
    return true;
}

int drill_errno(const char *name)
{
    int64_t number = 0;
    return find(errors, COUNT(errors), name, &number) ? (int)number : 0;
}

const char *drill_errno_name(int err)
{
    for (size_t i = 0; i < COUNT(errors); i++)
        if (errors[i].number == err)
            return errors[i].text;
    return "?";
}

#define DISTANCE_MAX 48

unsigned drill_distance(const char *a, const char *b)
{
    unsigned row[DISTANCE_MAX + 1];
    size_t len = strlen(b);
    if (len > DISTANCE_MAX || strlen(a) > DISTANCE_MAX)
        return DISTANCE_MAX;
    for (size_t j = 0; j <= len; j++)
        row[j] = (unsigned)j;
    for (size_t i = 0; a[i] != '\0'; i++) {
        unsigned corner = row[0];
        row[0] = (unsigned)i + 1;
        for (size_t j = 0; j < len; j++) {
            unsigned change = corner + (a[i] != b[j]);
            corner = row[j + 1];
            unsigned least = row[j] < corner ? row[j] + 1 : corner + 1;
            row[j + 1] = change < least ? change : least;
        }
    }
    return row[len];
}

const char *drill_constant_like(const char *name)
{
    const char *best = NULL;
    unsigned least = strlen(name) < 6 ? 2 : 4;
    for (size_t i = 0; i < COUNT(constants); i++) {
        unsigned d = drill_distance(name, constants[i].text);
        if (d < least) {
            least = d;
            best = constants[i].text;
        }
    }
    return best;
}
