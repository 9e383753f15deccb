#!/usr/bin/env bash
# Every MTU that matters: the smallest that IPv4 and IPv6 allow, Ethernet's, and jumbo frames; over
# links with and without segmentation offload, and over one that loses, delays and doubles packets.

. "$(dirname "$0")/lib/live.sh"

# both_ways ADDRESS OF LASTACK OPTION...: 2 MiB in each direction at once.
both_ways() {
    local address=$1
    shift
    [ -s a ] || data 2M >a
    [ -s b ] || data 2M 5000000 >b
    rm -f here there
    lastack_nc -l -N --no-wait --json --peer "$netcat -N $address 5000 <b >there" "$@" 5000 \
        <a >here || fail "exit code $?"
    same a there
    same b here
}

mss_is() {
    [ "$(json mss)" = "$1" ] || fail "MSS is $(json mss), not $1"
}

# The MSS is the MTU without 20 bytes of IPv4, 40 of IPv6, 20 of TCP and 12 of timestamps.
mtu_576() {
    both_ways 10.87.0.2 --mtu 576
    mss_is 524
}

mtu_1280_over_ipv6() {
    both_ways fd87::2 --mtu 1280
    mss_is 1208
}

mtu_1500() {
    both_ways 10.87.0.2 --mtu 1500
    mss_is 1448
}

mtu_9000() {
    both_ways 10.87.0.2 --mtu 9000
    mss_is 8948
    both_ways fd87::2 --mtu 9000
    mss_is 8928
}

bad_weather() {
    both_ways 10.87.0.2 --mtu 1500 --impair loss=3%,reorder=1%,dup=1%,delay=1ms --seed 1
    [ "$(json retransmissions)" -gt 0 ] || fail "nothing was lost"
}

# Kinds of link that only somebody with the right to /dev/net/tun can open. The kernel's side is
# set up by hand, as a user would.
by_hand() {
    local kind=$1 mode=$2
    ip tuntap add dev hand0 mode "$mode" vnet_hdr 2>/dev/null || ip tuntap add dev hand0 mode "$mode"
    ip addr add 10.87.0.1/24 dev hand0 && ip link set hand0 up || fail "cannot set hand0 up"
    both_ways 10.87.0.2 --link "$kind:hand0"
    ip link del hand0
}

plain_tun_and_tap() {
    WORLD=hand unshare -Urn bash "$0" --by-hand
}

if [ "${1:-}" = --by-hand ]; then
    step by_hand tun tun
    step by_hand tap tap
    step by_hand tun-plain tun
    exit 0
fi
# A veth pair has its MTU from the beginning; Lastack's end cannot raise it.
MTU=9000 inner_half "$@"
in_worlds mtu_576 mtu_1280_over_ipv6 mtu_1500 mtu_9000 bad_weather
if [ -w /dev/net/tun ]; then
    step plain_tun_and_tap
fi
