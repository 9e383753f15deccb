#!/usr/bin/env bash
# How connections end: half-closed by either side, reset by the peer, refused, timed out, in
# TIME-WAIT, by a signal, by an output that goes away. Nothing that arrived is lost.

. "$(dirname "$0")/lib/live.sh"

# The peer ends its side; what Lastack's input still brings reaches it (RFC 9293 3.6).
peer_half_closes() {
    { sleep 0.3; echo late; } |
        lastack_nc -l -N --trace --no-wait --peer "echo early | $netcat -N 10.87.0.2 5000 >there" \
            5000 >here || fail "exit code $?"
    [ "$(cat here)" = early ] && [ "$(cat there)" = late ] || fail "words were lost"
    err_has CLOSE-WAIT
    err_has LAST-ACK
}

# Lastack ends its side and goes on receiving. (netcat must connect: with -l it ends with its peer.)
lastack_half_closes() {
    echo early | lastack_nc -l -N --trace --time-wait 1s \
        --peer "{ sleep 0.3; echo late; } | $netcat -N 10.87.0.2 5000 >there" 5000 >here ||
        fail "exit code $?"
    [ "$(cat here)" = late ] && [ "$(cat there)" = early ] || fail "words were lost"
    err_has FIN-WAIT-2
    err_has TIME-WAIT
    err_has '2 MSL are over'
}

# Without -N the end of standard input is not the end of the connection, as in OpenBSD's netcat.
input_ends_without_fin() {
    lastack_nc --trace --no-wait --peer "{ sleep 0.3; echo word; } | $netcat -N -l 5000" \
        10.87.0.1 5000 </dev/null >here || fail "exit code $?"
    [ "$(cat here)" = word ] || fail "the word was lost"
    err_has CLOSE-WAIT
}

# The kernel resets a connection that is closed with data unread. What it had sent before is
# written out, and the exit code tells.
reset_by_the_peer() {
    data 1000000 >there
    echo unread | exit_code 1 lastack_nc -l --peer \
        "bash -c 'exec 3<>/dev/tcp/10.87.0.2/5000; cat there >&3; sleep 0.5'" 5000 >here
    same there here
    err_has '^lastack nc: .*reset the connection; the 1,000,000 bytes that came before are written'
}

refused() {
    exit_code 1 lastack_nc --quiet 10.87.0.1 5000 </dev/null
    one_line '^lastack nc: 10.87.0.1:5000: connection refused: .*start the peer'
    exit_code 1 lastack_nc --quiet fd87::1 5000 </dev/null
    one_line '^lastack nc: \[fd87::1\]:5000: connection refused'
}

# Nobody has 10.87.0.9, and nobody says so.
connecting_times_out() {
    exit_code 1 lastack_nc --quiet -w 300ms 10.87.0.9 5000 </dev/null
    one_line '^lastack nc: 10.87.0.9:5000: timed out: .*check'
}

no_route() {
    exit_code 1 lastack_nc --quiet 192.0.2.1 80 </dev/null
    one_line '^lastack nc: no route to 192.0.2.1:80: give --gw'
}

silence_times_out() {
    exit_code 1 lastack_nc -l --quiet -w 300ms --peer "sleep 5 | $netcat 10.87.0.2 5000" \
        5000 </dev/null
    one_line '^lastack nc: nothing passed for 300 ms: .*--timeout'
}

# TIME-WAIT keeps the program for as long as it was told; --no-wait leaves and says what it costs.
time_wait() {
    local begin=${EPOCHREALTIME/./}
    lastack_nc -N --trace --time-wait 1s --peer "$netcat -d -l 5000" 10.87.0.1 5000 </dev/null ||
        fail "exit code $?"
    [ $((${EPOCHREALTIME/./} - begin)) -ge 1000000 ] || fail "TIME-WAIT was shorter than 1 s"
    err_has 'TIME-WAIT: 2 MSL = 1.000 s'
    err_has '2 MSL are over: port and resources are free'
    lastack_nc -N --no-wait --peer "$netcat -d -l 5000" 10.87.0.1 5000 </dev/null ||
        fail "exit code $?"
    err_has '^left TIME-WAIT .* early: if the last ACK was lost'
}

# A signal resets what is open, and the peer learns of it.
signal_resets() {
    rm -f here
    lastack_nc_start -l -d --trace --peer "{ echo hello; sleep 5; } | $netcat 10.87.0.2 5000" \
        5000 >here
    until_true [ -s here ]
    kill -TERM $nc
    exit_code 1 wait $nc
    [ "$(cat here)" = hello ] || fail "the word was lost"
    err_has '^lastack nc: interrupted: the open connection was reset'
    err_has ' RST'
    err_has 'reset: the process ended'
}

# In TIME-WAIT there is nothing to reset any more: what was to be done is done.
signal_leaves_time_wait() {
    lastack_nc_start -l -N --peer "$netcat 10.87.0.2 5000" 5000 </dev/null >here
    until_true grep -qs . /proc/$nc/stat
    sleep 0.5
    kill -TERM $nc
    exit_code 0 wait $nc
    err_has '^left TIME-WAIT .* early'
}

signal_while_listening() {
    lastack_nc_start -l 5000 </dev/null >here
    until_true grep -qs listening err
    kill -TERM $nc
    exit_code 1 wait $nc
    err_has '^lastack nc: interrupted before a connection was open'
}

output_goes_away() {
    data 3M >there
    lastack_nc -l --quiet --peer "$netcat -N 10.87.0.2 5000 <there" 5000 </dev/null |
        head -c 1000 >here
    [ "${PIPESTATUS[0]}" -eq 1 ] || fail "the closed output was not noticed"
    one_line '^lastack nc: cannot write standard output: Broken pipe'
    head -c 1000 there >there.head
    same there.head here
}

disk_full() {
    exit_code 1 lastack_nc -l --quiet --peer "echo word | $netcat -N 10.87.0.2 5000" 5000 \
        </dev/null >/dev/full
    one_line '^lastack nc: cannot write standard output: No space left on device'
}

descriptors_closed() {
    lastack_nc -l --no-wait --quiet --peer "echo word | $netcat -N 10.87.0.2 5000" 5000 <&- >here ||
        fail "exit code $?"
    [ "$(cat here)" = word ] || fail "the word was lost"
    exit_code 1 lastack_nc -l --quiet --peer "echo word | $netcat -N 10.87.0.2 5000" 5000 \
        </dev/null >&-
    one_line '^lastack nc: cannot write standard output'
}

# What becomes of the command on the kernel's side is reported.
peer_status() {
    exit_code 1 lastack_nc -N --no-wait --json --peer "$netcat -d -l 5000; exit 3" \
        10.87.0.1 5000 </dev/null
    err_has "^lastack nc: the peer's command ended with status 3"
    [ "$(json peer_status)" = 3 ] || fail "peer_status is $(json peer_status)"
    exit_code 1 lastack_nc -l --quiet --peer 'exit 4' 5000 </dev/null
    one_line "^lastack nc: the peer's command ended with status 4 and did not connect"
}

inner_half "$@"
in_worlds peer_half_closes lastack_half_closes input_ends_without_fin reset_by_the_peer refused \
    connecting_times_out no_route silence_times_out time_wait signal_resets \
    signal_leaves_time_wait signal_while_listening output_goes_away disk_full \
    descriptors_closed peer_status
