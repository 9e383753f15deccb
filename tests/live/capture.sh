#!/usr/bin/env bash
# The capture that --pcap writes, judged by tshark: no malformed packet, no bad checksum, and every
# packet with a comment that says why it was sent or what was done with it.

. "$(dirname "$0")/lib/live.sh"

if ! command -v tshark >/dev/null; then
    echo "SKIP: $name: tshark is missing"
    exit 77
fi

# judge PACKETS_AT_LEAST: reads x.pcapng once and leaves a line for each packet in the file
# packets: what is malformed, the states of the checksums (0 is bad, 1 good), the comment.
judge() {
    tshark -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE \
        -r x.pcapng -T fields -E separator='|' -e _ws.malformed -e ip.checksum.status \
        -e tcp.checksum.status -e icmpv6.checksum.status -e frame.protocols -e frame.comment \
        >packets 2>shark.err || fail "tshark: $(tail -1 shark.err)"
    [ "$(wc -l <packets)" -ge "$1" ] || fail "only $(wc -l <packets) packets"
    awk -F'|' '
        $1 != "" { print "malformed: " $0 }
        $2 == "0" || $3 == "0" || $4 == "0" { print "bad checksum: " $0 }
        $3 == "" && $5 ~ /:tcp/ { print "checksum not looked at: " $0 }
        $6 == "" { print "no comment: " $0 }' packets >bad
    [ -s bad ] && fail "$(head -3 bad)"
    return 0
}

# said PATTERN: in the comment of exactly one packet.
said() {
    [ "$(grep -c "$1" packets)" -eq 1 ] || fail "not in one comment: $1"
}

capture() {
    rm -f x.pcapng
    lastack_nc --pcap x.pcapng --no-wait "$@"
}

transfer_over_both_ip() {
    data 300000 >there
    capture -l --peer "$netcat -N 10.87.0.2 5000 <there" 5000 </dev/null >here || fail "IPv4"
    same there here
    judge 10
    capture -N --peer "$netcat -6 -d -l 5000 >here" fd87::1 5000 <there || fail "IPv6"
    same there here
    judge 10
    said 'sent: first SYN'
}

# What a wire would carry: super-segments are cut, some packets are lost and come again.
bad_weather() {
    data 300000 >there
    capture -l --impair loss=2%,dup=1%,reorder=1% --seed 7 \
        --peer "$netcat -N 10.87.0.2 5000 <there" 5000 </dev/null >here || fail "exit code $?"
    same there here
    judge 200
}

refusals_and_resets() {
    capture 10.87.0.1 5000 </dev/null && fail "somebody listens"
    judge 2
    said 'received: RST: nobody listens there'
    capture -l --peer "bash -c 'exec 3<>/dev/tcp/10.87.0.2/5000; sleep 0.5'" 5000 \
        <<<unread >here && fail "not reset"
    judge 4
}

# It is readable while it grows, and when it cannot be closed in order.
killed_while_writing() {
    lastack_nc_start -l --pcap x.pcapng --peer "{ echo hello; sleep 5; } | timeout 20 $netcat 10.87.0.2 5000" \
        5000 </dev/null >here
    until_true [ -s here ]
    sleep 1.5
    kill -KILL $nc
    wait $nc 2>/dev/null
    judge 4
}

inner_half "$@"
in_worlds transfer_over_both_ip bad_weather refusals_and_resets killed_while_writing
