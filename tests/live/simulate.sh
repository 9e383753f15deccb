#!/usr/bin/env bash
# `lastack sim` as people use it: runs, plots, captures, campaigns that fail and that are interrupted.
# It needs no network.

. "$(dirname "$0")/lib/live.sh"
printf '%s\n' 'param size=3mb' 'host client' 'host server' \
    'link client server rate=20mbit delay=20ms queue=1bdp' 'lane client server burst=0.1% loss=0.1%' \
    'flow f client server bytes=$size' >bursts.scn

sim() {
    timeout 60 "$LASTACK" sim "$@" 2>err
}

# The same run prints the same bytes, and so does what --print writes of it.
repeats() {
    sim bursts.scn >one || fail "burst.scn: $(cat err)"
    sim bursts.scn >two && cmp -s one two || fail "a second run differs"
    sim bursts.scn --print >copy.scn && sim copy.scn >two && cmp -s one two ||
        fail "what --print writes runs differently"
    sim bursts.scn --seed 2 >two && ! cmp -s one two || fail "another seed, the same run"
    sim bursts.scn --json | grep -q '"hash":"'"$(sed -n 's/^hash //p' one)"'"' ||
        fail "JSON says another hash"
}

watches() {
    sim bursts.scn --set size=200kb --plot out.svg --pcap out.pcapng --trace >out ||
        fail "watched run: $(tail -1 err)"
    grep -q ' client > #1 SYN .* SYN$' err || fail "no SYN in the trace"
    grep -q '<svg' out.svg && grep -q 'ssthresh' out.svg || fail "the plot is none"
    tshark -r out.pcapng -Y 'tcp.flags.syn == 1' 2>/dev/null | grep -q 'SYN, ACK' ||
        fail "no handshake in the capture"
}

# A scenario that is the menu, and a seed of it that breaks what it expects.
failing_campaign() {
    printf '%s\n' 'param loss=0% any=0%,50%' 'host a' 'host b' 'link a b delay=1ms' \
        'lane a b loss=$loss' 'flow f a b bytes=50kb' 'expect f no rtx-segments' >menu.scn
    sim --menu menu.scn --seeds 1..20 -j2 >out && fail "a campaign that fails ends with 0"
    grep -q '^20 seeds, .* [1-9][0-9]* failed' out || fail "no summary: $(tail -1 out)"
    command=$(sed -n 's/^    lastack sim //p' out | head -1)
    [ -n "$command" ] || fail "no command that repeats the failure"
    # shellcheck disable=SC2086
    sim $command >out && fail "the command does not repeat it: $command"
    grep -q 'expectation in line 7' err || fail "the command fails otherwise: $(cat err)"
}

interrupted_campaign() {
    "$LASTACK" sim --seeds 1..100000000 -j2 >out 2>err &
    sleep 1
    kill -INT $!
    wait $! && fail "an interrupted campaign ends with 0"
    grep -q 'seeds, .* 0 failed' out || fail "no summary after ^C: $(cat out err)"
    grep -q 'this goes on: lastack sim --menu mixed --seeds [0-9]*\.\.100000000 -j2' out ||
        fail "not said how to go on"
}

for f in repeats watches failing_campaign interrupted_campaign; do
    step $f
done
