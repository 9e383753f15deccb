#!/usr/bin/env bash
# The wire in real time: streams between kernel and Lastack in all four combinations, exact losses
# by masks, a partition that heals, changes on the way, captures of both sides, a command in the
# namespaces, devices that are given, and bad input.

. "$(dirname "$0")/lib/live.sh"

# wire OPTION...: `lastack wire`, its JSON in the file out, its stderr in err.
wire() {
    timeout 60 "$LASTACK" wire "$@" >out 2>err
}

# number NAME: out of the JSON.
number() {
    grep -oE "\"$1\":(-?[0-9.e+-]+|true|false)" out | head -n 1 | cut -d: -f2
}

# transfer A B OPTION...: must be valid. Here bytes count and not times, so it may be late.
transfer() {
    local a=$1 b=$2
    shift 2
    wire --a "$a" --b "$b" --json --transfer --accept-late --tries 5 "$@" ||
        fail "$a to $b, $*: exit code $? $(cat out)"
    [ "$(number valid)" = true ] || fail "$a to $b, $*: $(cat out)"
}

is() {
    [ "$(number "$1")" = "$2" ] || fail "$1 is $(number "$1"), not $2: $(cat out)"
}

# streams A B: some bytes over a line that loses one packet in fifty.
streams() {
    transfer "$@" --bytes 400000 --rate 20mbit --rtt 10ms --queue 1bdp --loss 2% --seed 3
    is bytes 400000
    [ "$(number retransmitted_segments)" -gt 0 ] || fail "nothing was sent again: $(cat out)"
    transfer "$@" -6 --bytes 100000 --rtt 2ms
    is bytes 100000
}

# masks A: the second and the third segment with data, and nothing else.
masks() {
    transfer "$1" lastack --bytes 50000 --rtt 20ms --impair a-to-b:mask-data=0x6 \
        --pcap-a a.pcapng --pcap-b b.pcapng
    is masked 2
    is bytes 50000
    [ "$(number retransmitted_segments)" -ge 2 ] || fail "too little was sent again: $(cat out)"
    [ "$(grep -aoc 'lost by a mask' a.pcapng)" -ge 1 ] || fail "side a does not tell the mask"
    grep -aq 'lost by a mask' b.pcapng && fail "side b saw what was lost"
    grep -aq 'out of the wire' b.pcapng || fail "nothing in the capture of side b"
}

# One byte needs the handshake's round trip and half a one more.
round_trip() {
    transfer lastack lastack --bytes 1 --rtt 60ms
    awk "BEGIN { exit !($(number seconds) >= 0.09 && $(number seconds) < 5) }" ||
        fail "$(number seconds) s for one and a half round trips of 60 ms"
}

partition() {
    transfer lastack lastack --bytes 300000 --rate 10mbit --rtt 4ms \
        --impair down-at=50ms,down-for=200ms
    is bytes 300000
    [ "$(number down)" -gt 0 ] || fail "the line was not down: $(cat out)"
}

# 10 Mbit/s for 200 ms, then a tenth of it.
change() {
    transfer lastack lastack --bytes 300000 --rate 10mbit --rtt 4ms --at 100ms:a-to-b:rate=1mbit
    awk "BEGIN { exit !($(number seconds) > 1) }" || fail "no slower: $(cat out)"
}

command() {
    local code=0
    wire --rtt 5ms -- 'ip -o addr; $WIRE_B ip -o addr; exit 7' || code=$?
    [ $code -eq 7 ] || fail "exit code $code, not the command's"
    grep -q 10.87.0.1/24 out || fail "the command is not on side a: $(cat out)"
    grep -q 10.87.0.2/24 out || fail "WIRE_B does not lead to side b: $(cat out)"
}

# Devices and namespaces that are there already.
given() {
    unshare -Urn bash -c '
        ip tuntap add dev here0 mode tun && ip addr add 10.87.0.1/24 dev here0 &&
            ip link set here0 up &&
            timeout 30 "$1" wire --a tun:here0 --b lastack --json --transfer --accept-late \
                --tries 5 --bytes 50000 --rtt 2ms' given "$LASTACK" >out 2>err ||
        fail "exit code $?: $(cat out)"
    is bytes 50000
}

# wrong CODE PATTERN OPTION...
wrong() {
    local wanted=$1 pattern=$2 code=0
    shift 2
    wire "$@" </dev/null || code=$?
    [ $code -eq "$wanted" ] || fail "exit code $code, not $wanted: $*"
    one_line "$pattern"
}

bad_input() {
    wrong 2 'wire: no side "moon": write kernel, lastack, tun:NAME' --a moon
    wrong 2 'wire: --impair: no impairment "rain": use loss, delay' --impair rain=1%
    wrong 2 'wire: --at: no impairment "rain": use loss' --at 1s:rain=1%
    wrong 2 'wire: --at "soon:loss=1%" cannot be read: write it like' --at soon:loss=1%
    wrong 2 'wire: --at "1s:loss=1%" comes before' --at 2s:loss=1% --at 1s:loss=1%
    wrong 2 'wire: --loss takes one value' --loss 1%,dup=1%
    wrong 2 'wire: --impair: a queue in bdp needs rate=' --queue 1bdp
    wrong 2 'wire: two Lastacks have nothing to say' --a lastack --b lastack
    wrong 2 'wire: --bytes is for a transfer' --bytes 7
    wrong 2 'wire: --transfer and a command exclude' --transfer -- true
    wrong 2 'wire: --seed "x": write a number' --seed x
    wrong 1 'wire: no network namespace nowhere: ' --a tun:x@nowhere
    wrong 1 'wire: cannot write the capture /no/such/x: ' --a lastack --b lastack --transfer \
        --pcap-a /no/such/x
}

unknown_controller() {
    wrong 1 'wire: the kernel has no congestion control frob: there are .*reno' --cc frob \
        --transfer --for 1s
}

step bad_input
step streams lastack lastack
step masks lastack
step round_trip
step partition
step change
if [ -w /dev/net/tun ]; then
    step streams kernel kernel
    step streams lastack kernel
    step streams kernel lastack
    step masks kernel
    step command
    step given
    step unknown_controller
else
    echo "SKIP: $name with the kernel: user $(id -u) may not open /dev/net/tun"
    wrong 1 'wire: /dev/net/tun may not be opened .permission denied.: run as root' --transfer
fi
