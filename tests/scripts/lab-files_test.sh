#!/usr/bin/env bash
# The files that `lastack lab` writes: captures that tshark finds in order, pictures that can be drawn,
# JSON that is as described.

. "$(dirname "$0")/lib.sh"
program=${LASTACK:-$root/build/lastack}
export LASTACK_EXPERIMENTS=$root/experiments LC_ALL=C.UTF-8
cd "$scratch" || exit 1

lab() {
    timeout 60 "$program" lab "$@"
}

# All captures together: sections of pcapng may stand one behind the other.
captures() {
    local name
    command -v tshark >/dev/null || { echo "no tshark: captures are not read"; return; }
    for name in $(cd "$root/experiments" && ls -- *.lab); do
        name=${name%.lab}
        lab "$name" --pcap "4-$name.pcapng" >/dev/null || fail "$name: no capture"
        lab "$name" --ip 6 --pcap "6-$name.pcapng" >/dev/null || fail "$name: no capture of IPv6"
    done
    cat ./*.pcapng >all
    tshark -r all -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE \
        -Y '_ws.malformed || (!icmp && !icmpv6 && (tcp.checksum.status == 0 || ip.checksum.status == 0))' \
        >bad 2>/dev/null
    [ -s bad ] && fail "malformed: $(head -3 bad)"
    [ "$(tshark -r all -Y tcp 2>/dev/null | wc -l)" -gt 1000 ] || fail "hardly any packet"
    tshark -r 4-close.pcapng -Y 'frame.comment contains "FIN: nothing more to send"' 2>/dev/null |
        grep -q FIN || fail "no reasons in the capture"
}

files() {
    lab why-four --svg four.svg --mermaid four.mmd --lang en >/dev/null || fail "no pictures"
    for name in four-four.svg four-three.svg four-four.mmd; do
        [ -s "$name" ] || fail "no $name"
    done
    grep -q '^sequenceDiagram' four-four.mmd || fail "Mermaid is none"
    lab close --svg - >one && head -c 4 one | grep -q '<svg' || fail "no SVG on standard output"
    if command -v rsvg-convert >/dev/null; then
        for name in "$root"/docs/lab/{close,why-four-four,why-three-two,syn-flood-none,slow-start,no-time-wait-old.zh-CN}.svg; do
            rsvg-convert "$name" -o picture.png || fail "$name cannot be drawn"
        done
    fi
    lab close --json >one.json && lab close --json >two.json && cmp -s one.json two.json ||
        fail "JSON differs when repeated"
    perl -MJSON::PP -0777 -e '
        my $o = JSON::PP->new->utf8->decode(<STDIN>);
        my $s = $o->{scenes}[0];
        exit !($o->{schema} == 1 && $o->{holds} && $o->{claims} == $o->{claims_held}
            && @{$s->{events}} > 20 && @{$s->{sentences}} == 6 && @{$o->{conclusion}} == 1
            && $o->{quiz}[0]{answer} eq "CLOSE-WAIT"
            && grep { $_->{kind} eq "packet" && $_->{tcp}{flags} eq "SYN" } @{$s->{events}});
    ' <one.json || fail "JSON is not what docs/lab-json.md says"
    lab --json | perl -MJSON::PP -0777 -e '
        exit !(@{JSON::PP->new->utf8->decode(<STDIN>)} >= 32)' || fail "the list in JSON is short"
}

for f in captures files; do
    $f
done
finish
