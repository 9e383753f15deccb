#!/usr/bin/env bash
# Packet scripts against the kernel's TCP: the runner, its clock and its packets are right when the
# kernel, which everybody agrees with, passes.

. "$(dirname "$0")/lib/live.sh"

if ! unshare -rn test -w /dev/net/tun 2>/dev/null; then
    echo "SKIP: $name: user $(id -u) may not open /dev/net/tun"
    [ "$(id -u)" -eq 0 ] && exit 77
    exit 0 # as root it ran, or was skipped there
fi

cat >server.pkt <<'E_PKT'
--tolerance_usecs=200000
   0   socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
  +0   setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
  +0   bind(3, ..., ...) = 0
  +0   listen(3, 1) = 0
  +.1  < S 0:0(0) win 65535 <mss 1000>
  +0   > S. 0:0(0) ack 1 <...>
  +.1  < . 1:1(0) ack 1 win 65535
  +0   accept(3, ..., ...) = 4
  +0...0.3 read(4, ..., 1000) = 100
  +.3  < P. 1:101(100) ack 1 win 65535
   *   > . 1:1(0) ack 101
  +.1  write(4, ..., 2500) = 2500
  +0   > P. 1:2501(2500) ack 101
  +.1  < . 101:101(0) ack 2501 win 65535
  +0   %{ assert tcpi_unacked == 0 and tcpi_snd_mss == 1000, tcpi_snd_mss }%
  +0   close(4) = 0
  +0   > F. 2501:2501(0) ack 101
  +.1  < F. 101:101(0) ack 2502 win 65535
  +0   > . 2502:2502(0) ack 102
E_PKT

cat >client.pkt <<'E_PKT'
--tolerance_usecs=200000
   0   socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3
  +0   connect(3, ..., ...) = -1 EINPROGRESS
  +0   > S 0:0(0) <...>
  +.1  < R. 0:0(0) ack 1 win 0
  +0   getsockopt(3, SOL_SOCKET, SO_ERROR, [ECONNREFUSED], [4]) = 0
  +0   close(3) = 0
E_PKT

sed 's/ack 101$/ack 102/' server.pkt >wrong.pkt

drill() {
    timeout 60 "$LASTACK" drill --target kernel "$@" >out 2>err
}

both_versions() {
    drill --ip 4 server.pkt client.pkt || fail "IPv4: $(cat out)"
    drill --ip 6 server.pkt client.pkt || fail "IPv6: $(cat out)"
    [ "$(tail -1 out)" = "2 passed, 0 failed" ] || fail "the last line is $(tail -1 out)"
}

finds_mistakes() {
    exit_code 1 drill wrong.pkt
    grep -q 'acknowledgement: expected 102, came 101' out || fail "$(cat out)"
}

# More scripts in a process than user namespaces may lie in one another.
many() {
    # shellcheck disable=SC2046
    drill -j1 $(for _ in $(seq 40); do echo client.pkt; done) || fail "$(tail -3 out)"
}

for f in both_versions finds_mistakes many; do
    step $f
done
