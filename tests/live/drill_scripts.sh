#!/usr/bin/env bash
# Lastack's own packet scripts (tests/drill) against the kernel, over IPv4 and IPv6: all that last a
# few seconds at most and are not in docs/differences.md. Real machines are late at times, so times
# are compared loosely, and what fails is tried again, alone at last, before it counts.

. "$(dirname "$0")/lib/live.sh"

longest_s=4
late_us=80000
least=100

skip() {
    echo "SKIP: $name: $*"
    exit 77
}

# The kernel is the same for every user, so an ordinary one has no scripts to run (scripts/run-live).
if [ ! -d "$LASTACK_SOURCE/tests/drill/open" ]; then
    echo "SKIP: $name as user $(id -u): the scripts are not here"
    exit 0
fi
[ -w /dev/net/tun ] || skip "user $(id -u) may not open /dev/net/tun"

# all VERSION: the scripts for this version of IP, one a line.
all() {
    find "$LASTACK_SOURCE/tests/drill" -name '*.pkt' ! -path '*/golden/*' -print0 | sort -z |
        xargs -0 grep -L "^--ip_version=ipv$((10 - $1))"
}

# take VERSION <REPORT: of what `lastack drill -v` says of them, copies those that passed and are
# short and not known to differ to ./ipVERSION, with the looser times, and prints their names.
# The known ones stand in the last column of the tables, between backquotes, with "*" for anything.
take() {
    perl -e '
        use strict; use warnings; use File::Basename; use File::Path;
        my ($root, $to, $longest_s, $late_us) = @ARGV;
        my @known;
        open my $doc, "<", "$root/docs/differences.md" or die "docs/differences.md: $!\n";
        while (<$doc>) {
            next if !/\|([^|]*)\|\s*$/;
            push @known, map { s/\*/.*/gr } $1 =~ /`([\w\/*]+)`/g;
        }
        while (<STDIN>) {
            my ($path, $name, $lasts, $unit) =
                /^PASS (\S*?tests\/drill\/(\S+)\.pkt) \((\d+)\S* (\w+),/ or next;
            next if $unit eq "s" && $lasts >= $longest_s || grep { $name =~ /^$_$/ } @known;
            mkpath(dirname("$to/$name"));
            open my $in, "<", $path or die "$path: $!\n";
            open my $out, ">", "$to/$name.pkt" or die "$to/$name.pkt: $!\n";
            my $done = 0;
            while (<$in>) {
                print $out "--tolerance_usecs=$late_us\n" if !$done && !/^\/\//;
                $done ||= !/^\/\//;
                print $out $_;
            }
            close $out or die "$to/$name.pkt: $!\n";
            print "$to/$name.pkt\n";
        }' "$LASTACK_SOURCE" "ip$1" $longest_s $late_us
}

# run VERSION: what differed in the end stands in ./list.
run() {
    local jobs
    for jobs in 8 3 1; do
        "$LASTACK" drill --target kernel --ip "$1" -j $jobs @list >out 2>&1
        sed -nE 's/^(FAIL|CANNOT RUN) ([^:]*):.*/\2/p' out >list
        [ -s list ] || return 0
    done
    cat out
    return 1
}

for version in 4 6; do
    all $version >mine
    "$LASTACK" drill -v --ip $version @mine 2>/dev/null | take $version >list
    count=$(wc -l <list)
    [ "$count" -gt $least ] || fail "only $count scripts over IPv$version"
    run $version || fail "IPv$version: $(wc -l <list) of $count scripts differ from the kernel"
    echo "-- IPv$version: $count scripts, as in the kernel"
done
