#!/usr/bin/env bash
# scripts/compare-kernel with a program that only pretends to measure: which transfers it asks for,
# its medians and ratios, what does not count, and going on after an interruption.

. "$(dirname "$0")/lib.sh"

# The goodput follows from the options: 10 for the kernel; for Lastack 8 at 1 % loss, else 20, and
# an outlier with seed 3. With "broken" beside it, runs with seed 2 are not valid.
file lastack <<'E_SH'
#!/bin/sh
echo "$*" >>"$(dirname "$0")/calls"
case "$*" in
*'--a kernel'*) goodput=10 ;;
*'--loss 1%'*) goodput=8 ;;
*) goodput=20 ;;
esac
case "$*" in *'--seed 3 '*) goodput=1000 ;; esac
valid=true
case "$*" in *'--seed 2 '*) [ -e "$(dirname "$0")/broken" ] && valid=false ;; esac
echo "{\"valid\":$valid,\"goodput_mbit_per_s\":$goodput,\"retransmitted_bytes\":500000,\"undone\":3}"
[ $valid = true ]
E_SH
chmod +x "$scratch/lastack"
compare() {
    "$root/scripts/compare-kernel" --lastack "$scratch/lastack" --out "$scratch/results" \
        --loss 0,1 --rtt 10,400 --rate 10 --seeds 3 -j 3 "$@"
}
calls() { wc -l <"$scratch/calls"; }
says() { grep -qF -- "$1" "$scratch/output" || fail "should say '$1', but says: $(cat "$scratch/output")"; }

touch "$scratch/broken"
refuses "results that are missing" '^8 results are missing' compare
[ "$(calls)" -eq 24 ] || fail "$(calls) transfers, not 24"
grep -q -- '--rate 10mbit --rtt 400ms --queue 1bdp --loss 1% --cc cubic --seed 1 --for 40s' \
    "$scratch/calls" || fail "100 round trips are not 40 s: $(tail -n 1 "$scratch/calls")"
grep -q -- '--rtt 10ms .*--for 20s' "$scratch/calls" || fail "not 20 s at least"

rm "$scratch/broken" "$scratch/calls"
echo '{"key":"half a li' >>"$scratch/results"
passes "the rest" compare
[ "$(calls)" -eq 8 ] || fail "$(calls) transfers, not the 8 that were missing"
says '| 10 Mbit/s, 10 ms, 0 % | 10.00 | 0.50 | 20.00 | 0.50 | 2.00 |'
says '| 10 Mbit/s, 400 ms, 1 % | 10.00 | 0.50 | 8.00 | 0.50 | 0.80 |'
says 'geometric mean 1.265, minimum 0.800 (10 Mbit/s,' # the root of 2 x 0.8
says 'lastack-kernel 6.0 MB in 12 transfers, kernel-kernel 6.0 MB in 12'

rm "$scratch/calls"
passes "a table" compare --table
[ -e "$scratch/calls" ] && fail "--table measures"
says 'geometric mean 1.265'

rm "$scratch/results"
passes "the other figure" "$root/scripts/compare-kernel" --figure reorder --seeds 1 \
    --lastack "$scratch/lastack" --out "$scratch/results"
says 'lastack-kernel: 100.0 % of the goodput without reordering (recoveries undone: 3)'
grep -q -- '--loss 0.003% --impair reorder=1%,late-up-to=16.5ms' "$scratch/calls" ||
    fail "no reordering: $(cat "$scratch/calls")"

refuses "an unknown mode" 'no mode "bsd-kernel": there are kernel-kernel' compare --modes bsd-kernel
refuses "an unknown figure" 'no figure "tail": write grid or reorder' compare --figure tail
finish
