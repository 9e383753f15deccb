#!/usr/bin/env bash
# scripts/conformance must show what is pinned, what is not and what failed, and notice a stale table
# and wrong lines. A small script stands in for the runner: what has "bad" in its name fails.

. "$(dirname "$0")/lib.sh"
table() {
    "$root/scripts/conformance" --root "$scratch/tree" --lastack "$scratch/tree/runner" "$@"
}
rows() { grep -E -- "$1" "$scratch/tree/docs/conformance.md"; }
says() { rows "$1" >/dev/null || fail "the table should say '$1'"; }

cp "$root/docs/rfc-map.in" "$scratch/rfc-map.in"
file tree/docs/rfc-map.in <"$scratch/rfc-map.in"
file tree/runner <<'E_SH'
#!/bin/sh
status=0
case $* in *--tap*) ;; *) echo "$*"; exit 0 ;; esac
for word in "$@"; do
    case $word in
    *bad*.pkt) case $* in *--slow-path*) echo "not ok 1 - $word" ;; *) echo "ok 1 - $word" ;; esac ;;
    *.pkt) echo "ok 1 - $word" ;;
    esac
done
E_SH
chmod +x "$scratch/tree/runner"
file tree/tests/drill/a/good.pkt <<'E_PKT'
// Two SYNs cross.
// req: RFC 9293 3.5, MUST-10, MUST-11: one connection
// req: RFC 793 3.4: the same | long ago
E_PKT
file tree/tests/drill/a/b/bad.pkt <<'E_PKT'
// This one fails.
// req: POSIX connect: EALREADY
E_PKT
file tree/tests/drill/four.pkt <<'E_PKT'
// IPv4 only.
--ip_version=ipv4
// req: RFC 9293 3.9.2.1: source routes
E_PKT

passes "writing the table" table
passes "a fresh table" table --check
says '^\| MUST-10 \| 3.5 .*\| tests/drill/a/good.pkt \| passed \|$'
says '^\| MUST-11 \|.*good.pkt'
says '^\| MUST-12 \|.*no script'
says '^\| MUST-51 \|.*deviates'
says '^\| RFC 793 \| 3.4 \| the same \\\| long ago \| tests/drill/a/good.pkt \| passed \|$'
says '^\| POSIX \| connect .*\*\*failed\*\*: ipv4-slow, ipv6-slow'
says '^\| RFC 9293 \| 3.9.2.1 .*passed \(IPv4\)'
says '^\| IPv4, without the fast path \| 3 \| 2 \|$'
says '^\| IPv6 \| 2 \| 2 \|$'
passes "running one way" table --run ipv6-slow
grep -q -- '--ip 6 --slow-path .*good.pkt' "$scratch/output" || fail "the runner's arguments"
grep -q 'four.pkt' "$scratch/output" && fail "an IPv4 script must not run in IPv6"
passes "listing the holes" table --holes
grep -q '^MUST-12 ' "$scratch/output" || fail "MUST-12 should be listed as a hole"
grep -q '^MUST-10 ' "$scratch/output" && fail "MUST-10 is no hole"

sed -i 's/one connection/a single one/' "$scratch/tree/tests/drill/a/good.pkt"
passes "a sentence beside a label is not shown" table --check
sed -i 's/long ago/now/' "$scratch/tree/tests/drill/a/good.pkt"
refuses "a stale table" 'stale' table --check
echo '// req: RFC 9293 MUST-10' >>"$scratch/tree/tests/drill/four.pkt"
refuses "a line of another form" 'four.pkt:4: not' table
sed -i '$d' "$scratch/tree/tests/drill/four.pkt"
echo '// req: RFC 9293 3.1, MUST-70: nothing' >>"$scratch/tree/tests/drill/four.pkt"
refuses "a label that is none" 'no such requirement: RFC 9293 MUST-70' table
echo '// Nothing at all.' | tee "$scratch/tree/tests/drill/four.pkt" >/dev/null
refuses "a script that pins nothing" 'four.pkt: it pins no requirement' table
rm -r "$scratch/tree/tests/drill"
refuses "a tree without scripts" 'no scripts' table
finish
