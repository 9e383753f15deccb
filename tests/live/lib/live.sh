# What the live tests share: sourced, not run. Every test meets the kernel's TCP in a namespace of
# its own, in two kinds of world:
#
#   tun    the one that `lastack nc` makes for itself, where /dev/net/tun may be opened
#   veth   one made here, with `lastack nc --link packet:lastack0`
#
# In both the kernel is 10.87.0.1 and fd87::1, Lastack 10.87.0.2 and fd87::2.

set -u
export LC_ALL=C
name=live/$(basename "$0" .sh)
lib=$(realpath "${BASH_SOURCE[0]}")
WORLD=${WORLD:-}
netcat=$(command -v nc.openbsd || command -v nc)

fail() {
    echo "FAIL: $name${WORLD:+ ($WORLD)}: $*" >&2
    [ -s err ] && sed 's/^/    stderr: /' err >&2
    exit 1
}

# Runs a step of the test; with a name, so that a failure can be found.
step() {
    echo "-- $WORLD${WORLD:+: }$*"
    "$@" || fail "$*"
}

# Bytes that tell where they belong: numbers, each on a line. `data SIZE [FIRST] >FILE`
data() {
    seq "${2:-1}" 99999999 2>/dev/null | head -c "$1"
}

same() {
    local difference
    difference=$(cmp "$1" "$2" 2>&1) || fail "$difference"
}

# exit_code WANTED COMMAND...
exit_code() {
    local wanted=$1 code=0
    shift
    "$@" || code=$?
    [ $code -eq "$wanted" ] || fail "exit code $code, not $wanted: $*"
}

# err_has PATTERN: stderr has a line that matches.
err_has() {
    grep -qE -- "$1" err || fail "nothing on stderr matches: $1"
}

# one_line PATTERN: stderr is exactly one line, and it matches.
one_line() {
    [ "$(wc -l <err)" -eq 1 ] || fail "stderr is not one line"
    err_has "$1"
}

# `lastack nc` in the present world, its stderr in the file err. It must end within 60 s.
lastack_nc() {
    local link=()
    [ "$WORLD" = veth ] && link=(--link packet:lastack0)
    timeout 60 "$LASTACK" nc "${link[@]}" "$@" 2>err
}

# The same in the background, without a limit; its process is $nc.
lastack_nc_start() {
    local link=()
    [ "$WORLD" = veth ] && link=(--link packet:lastack0)
    "$LASTACK" nc "${link[@]}" "$@" 2>err &
    nc=$!
}

# until_true COMMAND...: at most 5 s.
until_true() {
    local i
    for i in $(seq 100); do
        "$@" && return 0
        sleep 0.05
    done
    fail "in vain: $*"
}

# A number out of the JSON line that --json wrote.
json() {
    grep -o "\"$1\":[0-9.e+-]*" err | cut -d: -f2
}

veth_make() {
    ip link set lo up &&
        ip link add kernel0 mtu "${MTU:-1500}" type veth peer name lastack0 mtu "${MTU:-1500}" &&
        ip link set lastack0 arp off addrgenmode none up &&
        ip link set kernel0 up &&
        ip addr add 10.87.0.1/24 dev kernel0 &&
        { [ "${MTU:-1500}" -lt 1280 ] || ip addr add fd87::1/64 dev kernel0 nodad; }
}

# in_veth FUNCTION...: runs functions of the calling script in a veth world of their own.
in_veth() {
    WORLD=veth unshare -Urn bash "$0" --in-veth "$@"
}

# The first thing a script does after its functions are defined: are we the inner half?
inner_half() {
    [ "${1:-}" = --in-veth ] || return 0
    shift
    veth_make || fail "cannot make a veth pair"
    local f
    for f in "$@"; do
        step "$f"
    done
    exit 0
}

# in_worlds FUNCTION...: in both worlds. What cannot be had is said, with the reason.
in_worlds() {
    local f
    if [ -w /dev/net/tun ]; then
        WORLD=tun
        for f in "$@"; do
            step "$f"
        done
        WORLD=
    else
        echo "SKIP: $name over tun: user $(id -u) may not open /dev/net/tun" \
            "(mode $(stat -c %a /dev/net/tun 2>/dev/null || echo none))"
    fi
    in_veth "$@" || exit 1
}

if [ -z "$WORLD" ] && ! unshare -Urn true 2>/dev/null; then
    echo "SKIP: $name: user namespaces are forbidden here"
    exit 77
fi
