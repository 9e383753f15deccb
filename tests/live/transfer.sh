#!/usr/bin/env bash
# Files between `lastack nc` and the kernel's TCP: both directions, one after the other and at once,
# over IPv4 and IPv6. What arrives is compared with what was sent, byte for byte.

. "$(dirname "$0")/lib/live.sh"

# netcat listens on IPv4 unless it is told.
listen() {
    case $1 in
    *:*) echo "$netcat -6 -l 5000" ;;
    *) echo "$netcat -4 -l 5000" ;;
    esac
}

# The two files that cross: as long as each other, and different throughout. They are kept.
files() {
    [ -s "a.$1" ] || data "$1" >"a.$1"
    [ -s "b.$1" ] || data "$1" 5000000 >"b.$1"
}

# Lastack connects and sends; netcat writes to the file `there`.
send() {
    files "$1"
    lastack_nc -N --no-wait --quiet --peer "$(listen "$2") -d >there" "$2" 5000 <"a.$1" ||
        fail "exit code $?"
    same "a.$1" there
}

# netcat connects and sends; Lastack listens and writes to the file `here`.
receive() {
    files "$1"
    lastack_nc -l --no-wait --quiet --peer "$netcat -N $2 5000 <b.$1" 5000 </dev/null >here ||
        fail "exit code $?"
    same "b.$1" here
}

# netcat gives up its own input when the peer closes first, so Lastack closes after it: no -N here.
both_at_once() {
    files "$1"
    lastack_nc --no-wait --quiet --peer "$(listen "$2") -N <b.$1 >there" "$2" 5000 \
        <"a.$1" >here || fail "exit code $?"
    same "a.$1" there
    same "b.$1" here
}

one_byte() {
    send 1 10.87.0.1 && receive 1 10.87.0.2 && both_at_once 1 10.87.0.1
}

nothing() {
    send 0 10.87.0.1 && receive 0 10.87.0.2
}

one_mebibyte() {
    send 1M 10.87.0.1 && receive 1M 10.87.0.2 && both_at_once 1M 10.87.0.1
}

over_ipv6() {
    send 3M fd87::1 && receive 3M fd87::2 && both_at_once 3M fd87::1
}

send_256_mebibytes() {
    send 256M 10.87.0.1
}

receive_256_mebibytes() {
    receive 256M 10.87.0.2
}

both_at_once_256_mebibytes() {
    both_at_once 256M 10.87.0.1
}

# Pipes on both sides, which take little at a time: back-pressure reaches the peer.
through_slow_pipes() {
    files 2M
    lastack_nc -l --no-wait --quiet --peer "$netcat -N 10.87.0.2 5000 <b.2M" 5000 </dev/null |
        { sleep 0.3; cat; } >here
    same b.2M here
    { head -c 1M; sleep 0.3; cat; } <a.2M |
        lastack_nc -N --no-wait --quiet --peer "$netcat -d -l 5000 >there" 10.87.0.1 5000
    same a.2M there
}

inner_half "$@"
in_worlds nothing one_byte one_mebibyte over_ipv6 through_slow_pipes \
    send_256_mebibytes receive_256_mebibytes both_at_once_256_mebibytes
