#!/usr/bin/env bash
# The capture that --pcap writes, judged by tshark: no malformed packet, no bad checksum, and every
# packet with a comment that says why it was sent or what was done with it.

. "$(dirname "$0")/lib/live.sh"

if ! command -v tshark >/dev/null; then
    echo "SKIP: $name: tshark is missing"
    exit 77
fi

checks=(-o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE)

# shark FILE FILTER: how many packets match.
shark() {
    tshark "${checks[@]}" -r "$1" -Y "$2" 2>shark.err | wc -l
}

# judge FILE PACKETS_AT_LEAST
judge() {
    local bad
    [ "$(shark "$1" frame)" -ge "$2" ] || fail "$1 has only $(shark "$1" frame) packets"
    for bad in '_ws.malformed' 'ip.checksum.status == "Bad"' 'tcp.checksum.status == "Bad"' \
        'icmpv6.checksum.status == "Bad"' 'not frame.comment' 'not tcp.checksum.status and tcp'; do
        [ "$(shark "$1" "$bad")" -eq 0 ] || fail "$1: $(shark "$1" "$bad") packets: $bad"
    done
}

capture() {
    rm -f x.pcapng
    lastack_nc --pcap x.pcapng --no-wait "$@"
}

transfer_over_both_ip() {
    data 300000 >there
    capture -l --peer "$netcat -N 10.87.0.2 5000 <there" 5000 </dev/null >here || fail "IPv4"
    same there here
    judge x.pcapng 10
    capture -N --peer "$netcat -6 -d -l 5000 >here" fd87::1 5000 <there || fail "IPv6"
    same there here
    judge x.pcapng 10
    [ "$(shark x.pcapng 'tcp.flags.syn == 1 and frame.comment contains "first SYN"')" -eq 1 ] ||
        fail "the first SYN has no reason"
}

# What a wire would carry: super-segments are cut, some packets are lost and come again.
bad_weather() {
    data 300000 >there
    capture -l --impair loss=2%,dup=1%,reorder=1% --seed 7 \
        --peer "$netcat -N 10.87.0.2 5000 <there" 5000 </dev/null >here || fail "exit code $?"
    same there here
    judge x.pcapng 200
}

refusals_and_resets() {
    capture 10.87.0.1 5000 </dev/null && fail "somebody listens"
    judge x.pcapng 2
    [ "$(shark x.pcapng 'frame.comment contains "nobody listens there"')" -eq 1 ] ||
        fail "the refusal has no reason"
    capture -l --peer "bash -c 'exec 3<>/dev/tcp/10.87.0.2/5000; sleep 0.5'" 5000 \
        <<<unread >here && fail "not reset"
    judge x.pcapng 4
}

# It is readable while it grows, and when it cannot be closed in order.
killed_while_writing() {
    lastack_nc_start -l --pcap x.pcapng --peer "{ echo hello; sleep 5; } | $netcat 10.87.0.2 5000" \
        5000 </dev/null >here
    until_true [ -s here ]
    sleep 1.5
    kill -KILL $nc
    wait $nc 2>/dev/null
    judge x.pcapng 4
}

inner_half "$@"
in_worlds transfer_over_both_ip bad_weather refusals_and_resets killed_while_writing
