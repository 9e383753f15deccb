#!/usr/bin/env bash
# `lastack lab` as people use it: lists, mistakes, questions; and that the documents are what
# the experiments say.

. "$(dirname "$0")/lib.sh"
program=${LASTACK:-$root/build/lastack}
export LASTACK_EXPERIMENTS=$root/experiments LC_ALL=C.UTF-8
cd "$scratch" || exit 1

lab() {
    timeout 60 "$program" lab "$@"
}

# exits CODE PATTERN WORD...: the exit code, and one line on stderr that fits.
exits() {
    local wanted=$1 pattern=$2 code=0
    shift 2
    lab "$@" >out 2>err </dev/null || code=$?
    [ $code -eq "$wanted" ] || fail "exit code $code, not $wanted: lab $*"
    grep -qE -- "$pattern" err || fail "lab $*: should say '$pattern', but says: $(cat err)"
}

mistakes() {
    exits 2 '^lastack lab: no experiment "clse": there are close, ' --lang en clse
    exits 2 'no experiment "../close": there are ' ../close
    exits 2 'lost-syn has no parameter --dorp: there are --drop \(how many SYNs are lost\), ' \
        lost-syn --dorp 4
    exits 2 '"x/2" cannot be read|lost-syn.lab:[0-9]+:[0-9]+: ' lost-syn --rtt x
    exits 2 '^lastack lab: --ip 5: write 4 or 6' close --ip 5
    exits 2 'close has no scene "two": there are ' close --scene two
    exits 2 '"why-four" is one word too many' close why-four
    exits 2 'which experiment' --quiz
    exits 2 '--drop: its value is missing' lost-syn --drop
    exits 1 'cannot write /no/such/x.svg: ' close --svg /no/such/x.svg
    exits 2 'no.lab: No such file' --file no.lab

    printf '%s\n' 'title en="t" zh="t"' 'question en="q" zh="q"' 'host a' 'hots b' >bad.lab
    exits 2 '^lastack lab: bad.lab:4:1: no keyword "hots"' --file bad.lab
    printf '%s\n' 'title en="t" zh="t"' 'question en="q" zh="q"' 'host a' 'host b' 'link a b' \
        'at 0s a connect b:80 as f end=stay' 'run for=1s' 'say on a sends SYN' 'en "one"' 'zh "1"' \
        'claim "count(a sends SYN) == 2"' >untrue.lab
    exits 1 'untrue.lab:11:8: this claim does not hold: count\(a sends SYN\) == 2 \(1 \| 2\)' \
        --file untrue.lab
    grep -q 'Not so with these values: count(a sends SYN) is 1, which is not == 2' out ||
        fail "an untrue sentence is not replaced"
}

# Another value is no mistake: the sentences say what is true then.
and_if() {
    lab lost-last-ack --drop 0 --lang en >out 2>err || fail "--drop 0: $(cat err)"
    grep -q 'Not so with these values' out || fail "--drop 0: nothing is said"
    lab lost-syn --drop=4 --lang en >out 2>err || fail "--drop=4: $(cat err)"
    grep -q '15.04' out || fail "four lost SYNs do not take 15 s"
}

languages() {
    env LC_ALL=zh_CN.UTF-8 "$program" lab close >out 2>err
    grep -q '四次挥手' out || fail "no Chinese in a Chinese locale"
    lab close | grep -q 'Closing in four segments' || fail "no English"
    lab --lang zh | grep -q '最后一个 ACK 为什么这么重要' || fail "the list has no Chinese"
    [ "$(lab | grep -c '^  [a-z]')" -ge 32 ] || fail "the list is short"
    lab close --help | grep -q -- '--msl  *30s ' || fail "--help names no parameters"
    lab --help | grep -q 'lastack lab why-four' || fail "--help has no examples"
}

# Answers on a pipe: the first is right when it says what the run says.
quiz() {
    printf '%s\n' CLOSE-WAIT nonsense 1 | lab close --quiz --lang en >out 2>err ||
        fail "quiz: $(cat err)"
    grep -q '   Right' out || fail "the right answer is not taken"
    grep -q 'Write a number from 1 to' out || fail "nonsense is taken for an answer"
    grep -q '[0-9] of 2 right. This is how it went' out || fail "no result of the quiz"
    grep -q 'FIN-WAIT-2' out || fail "nothing is shown after the quiz"
    lab close --quiz </dev/null >out 2>err || fail "a quiz without answers ends badly"
    yes 1 | lab close --quiz --seed 1 >one 2>/dev/null
    yes 1 | lab close --quiz --seed 1 >two 2>/dev/null
    cmp -s one two || fail "the same seed asks otherwise"
    for seed in 2 3 4 5; do
        yes 1 | lab close --quiz --seed $seed >two 2>/dev/null
        cmp -s one two || return
    done
    fail "every seed asks the same"
}

documents() {
    LASTACK=$program "$root/scripts/lab-docs" --check >out 2>&1 || fail "$(tail -3 out)"
}

for f in mistakes and_if languages quiz documents; do
    $f
done
finish
