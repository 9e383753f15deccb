#!/usr/bin/env bash
# The demo, in the best world that can be had and with two stacks over memory: it comes to its end
# in time, carries everything, and its capture is in order.

. "$(dirname "$0")/lib/live.sh"

# run_demo LIMIT_SECONDS OPTION...
run_demo() {
    local limit=$1
    shift
    timeout "$limit" "$LASTACK" demo --pcap demo.pcapng "$@" >out 2>err || fail "exit code $?"
    [ -s err ] && fail "something on stderr"
    return 0
}

the_story_is_told() {
    run_demo 30
    [ "$(grep -c 'the SHA-256 sums are the same' out)" -eq 2 ] || fail "not two sums that agree"
    [ "$(grep -c '2 MSL are over' out)" -eq 2 ] || fail "not two ends of TIME-WAIT"
    [ "$(grep -c 'bit/s: ' out)" -eq 4 ] || fail "not four figures of goodput"
    grep -q 'CLOSE-WAIT .* FIN,ACK' out || fail "no half-close to be seen"
    grep -q 'HTTP/1.1 200 OK' out || fail "no page"
    grep -q 'demo.pcapng' out || fail "where does the capture lie?"
}

the_capture_is_in_order() {
    command -v tshark >/dev/null || return 0
    local bad
    bad=$(tshark -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE -r demo.pcapng \
        -Y '_ws.malformed or tcp.checksum.status == "Bad" or ip.checksum.status == "Bad" or
            not frame.comment' 2>/dev/null | head -5)
    [ -z "$bad" ] || fail "packets that are not in order: $bad"
}

in_chinese() {
    run_demo 30 --lang zh --world memory
    [ "$(grep -c 'SHA-256 校验和相同' out)" -eq 2 ] || fail "not two sums that agree"
}

step the_story_is_told
step the_capture_is_in_order
step in_chinese
rm -f demo.pcapng
