#!/usr/bin/env bash
# Bad input to the command line: each mistake gets exactly one line on stderr, which names the thing
# and says what to do, and an exit code: 2 for wrong usage, 1 for what could not be done.

. "$(dirname "$0")/lib/live.sh"

# wrong CODE PATTERN WORD...
wrong() {
    local wanted=$1 pattern=$2 code=0
    shift 2
    timeout 20 "$LASTACK" "$@" </dev/null >out 2>err || code=$?
    [ $code -eq "$wanted" ] || fail "exit code $code, not $wanted: lastack $*"
    [ -s out ] && fail "something on stdout: lastack $*"
    one_line "$pattern"
}

sub_commands() {
    wrong 2 '^lastack: no sub-command: write lastack demo'
    wrong 2 '^lastack: no sub-command "frob": there are demo, nc, lab, wire, sim and bench' frob
    wrong 2 '^lastack demo: "now" is one word too many' demo now
    wrong 2 '^lastack demo: no world "moon": write --world best or' demo --world moon
}

addresses_and_ports() {
    wrong 2 '^lastack nc: no port: write lastack nc ADDR PORT' nc
    wrong 2 'nc: "10.87.0.1" is only one of ADDR and PORT: write both' nc 10.87.0.1
    wrong 2 'nc: "x" is one word too many' nc 10.87.0.1 5000 x
    wrong 2 'nc: port "0" is none: write a number from 1 to 65535' nc 10.87.0.1 0
    wrong 2 'nc: port "65536" is none' nc -l 65536
    wrong 2 'nc: port "http" is none' nc 10.87.0.1 http
    wrong 2 'nc: address "kernel" is none: write it in numbers' nc kernel 80
    wrong 2 'nc: address "10.87.0.256" is none' nc 10.87.0.256 80
    wrong 2 'nc: address 127.0.0.1 cannot be a peer.s here: the kernel' nc 127.0.0.1 80
    wrong 2 'nc: address 224.0.0.1 cannot be a peer' nc 224.0.0.1 80
    wrong 1 'nc: 10.87.0.77:80: not an address of Lastack.*choose' nc --quiet -l 10.87.0.77 80
}

options() {
    wrong 2 'nc: no option --frob, or not in this form: see lastack nc --help' nc --frob 1 2
    wrong 2 'nc: no option -Q' nc -lQ 80
    wrong 2 'nc: option --pcap needs an argument' nc --pcap
    wrong 2 'nc: option -w needs an argument' nc -w
    wrong 2 'nc: --timeout "soon" is no time: write it like' nc -w soon 10.87.0.1 80
    wrong 2 'nc: --time-wait "-1" is no time' nc --time-wait -1 10.87.0.1 80
    wrong 2 'nc: --msl "0" is no time' nc --msl 0 10.87.0.1 80
    wrong 2 'nc: --mtu "500": write a number from 576 to 65535' nc --mtu 500 -l 80
    wrong 2 'nc: --seed "x": write a number' nc --seed x -l 80
    wrong 2 'nc: --addr "10.87.0.2/33" cannot be read: write it like' nc --addr 10.87.0.2/33 -l 80
    wrong 2 'nc: --gw "here": write one numeric address' nc --gw here -l 80
    wrong 2 'nc: --impair: no impairment "rain": use loss, delay' nc --impair rain=1% -l 80
    wrong 2 'nc: --impair: "loss=much" cannot be read: write it like' nc --impair loss=much -l 80
    wrong 2 'nc: no language "fr": write --lang en or' nc --lang fr -l 80
    wrong 2 'nc: -4 and -6 exclude each other' nc -46 -l 80
    wrong 2 'nc: -s and -p are for connecting' nc -p 80 -l 80
}

files_and_links() {
    wrong 1 'nc: cannot write the capture /no/such/x: No such file.*choose another' \
        nc --pcap /no/such/x -l 80
    wrong 1 'nc: no link kind "wire": use tun:NAME' nc --link wire:x -l 80
    wrong 1 'nc: link "tun" names no device: write KIND:NAME' nc --link tun -l 80
    wrong 1 'nc: no interface nowhere0 in this network namespace: see ip link' \
        nc --link packet:nowhere0 -l 80
    wrong 1 'nc: "a-name-that-is-too-long" is no name of an interface: write 1 to 15 char' \
        nc --link tun:a-name-that-is-too-long -l 80
    wrong 1 'nc: "x/y" is no name of an interface' nc --link tun:x/y -l 80
    wrong 1 'nc: "x y" is no name of an interface' nc --link packet:'x y' -l 80
    wrong 1 'nc: cannot use the gateway 192.0.2.1: .*choose one in the network' \
        nc --quiet --gw 192.0.2.1 -l 80
}

simulator() {
    printf 'host a\nhost b\nlink a b rain=1%%\n' >bad.scn
    printf 'param rtt=1ms\nhost a\nhost b\nlink a b delay=$rtt\nflow f a b bytes=99kb\n' >good.scn
    wrong 2 '^lastack sim: no scenario: write lastack sim FILE' sim
    wrong 2 'sim: cannot read nowhere.scn: No such file' sim nowhere.scn
    wrong 2 'sim: "c.scn" is one word too many' sim good.scn c.scn
    wrong 2 'sim: bad.scn:3:10: no impairment "rain": use loss' sim bad.scn
    wrong 2 'sim: good.scn has no parameter "rto": there are rtt' sim good.scn --set rto=1s
    wrong 2 'sim: --set rtt: write it like --set rtt=10ms' sim good.scn --set rtt
    # shellcheck disable=SC2046
    wrong 2 'sim: --set p33=1: that is one too many' sim good.scn $(printf -- '--set p%d=1 ' $(seq 33))
    wrong 2 'sim: --seeds 9..1: write it like 1..100000' sim --seeds 9..1
    wrong 2 'sim: no menu "soup", and no file: there are mixed, clean' sim --menu soup --seeds 1..2
    wrong 2 'sim: --without: no "rain": there are loss, burst' sim --without rain --seeds 1..2
    wrong 2 'sim: -j "0": write a number from 1 to 256' sim -j 0 --seeds 1..2
    wrong 2 'sim: no table "round": there are bulk, reorder' sim --table round
    wrong 2 'sim: --seed, --trace, .* are for one run' sim --seeds 1..2 --trace
    wrong 1 'sim: cannot .*/no/such/x.*No such file' sim good.scn --pcap /no/such/x
    PATH=/nowhere "$LASTACK" sim good.scn --plot out.svg >out 2>err && fail "no gnuplot, no error"
    one_line 'sim: cannot start gnuplot: install the package gnuplot-nox'
}

# Without the right to make namespaces there is no world, and without rights no link.
missing_permission() {
    WORLD=none unshare -Urn setpriv --bounding-set=-all --inh-caps=-all --no-new-privs \
        bash "$0" --without-rights || exit 1
}

if [ "${1:-}" = --without-rights ]; then
    wrong 1 'nc: no right to open a packet socket on lo: run as root' nc --link packet:lo -l 80
    exit 0
fi

device_busy() {
    local holder
    [ -w /dev/net/tun ] || return 0
    "$LASTACK" nc --quiet --link tun:busy0 -l 80 </dev/null 2>/dev/null &
    holder=$!
    until_true ip link show busy0 >/dev/null 2>&1
    wrong 1 'nc: TUN device busy0 is in use by another process: end that one or' \
        nc --link tun:busy0 -l 80
    kill $holder
    wait $holder
    return 0
}

in_a_namespace() {
    WORLD=own unshare -Urn bash "$0" --in-a-namespace || exit 1
}

# What is to be seen when all is well.
help_and_version() {
    local word
    "$LASTACK" --version | grep -qx 'lastack [0-9]*\.[0-9]*\.[0-9]*' || fail "--version"
    for word in "" demo nc sim; do
        "$LASTACK" $word --help >out 2>err || fail "$word --help"
        grep -q '^Usage: lastack' out || fail "$word --help says no usage"
        [ -s err ] && fail "$word --help writes to stderr"
        "$LASTACK" $word --lang zh --help | grep -q '^用法：lastack' || fail "$word --help in zh"
        awk 'length($0) > 100 { exit 1 }' out || fail "$word --help is too wide"
    done
    [ "$("$LASTACK" nc --help >/dev/full 2>err; echo $?)" = 1 ] || fail "a full disk goes unseen"
    one_line '^lastack nc: cannot write standard output'
}

if [ "${1:-}" = --in-a-namespace ]; then
    step device_busy
    exit 0
fi
for f in sub_commands addresses_and_ports options files_and_links simulator missing_permission \
    in_a_namespace help_and_version; do
    step $f
done
