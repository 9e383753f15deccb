#!/usr/bin/env bash
# What `make install` leaves must be enough to build a program against it, with the whole library
# and with the core alone, and the program must be there.

. "$(dirname "$0")/lib.sh"
build=${LASTACK_BUILD:-$root/build}

passes "installing" env DESTDIR="$scratch/stage" cmake --install "$build" --prefix /usr
stage=$scratch/stage/usr
export PKG_CONFIG_PATH=$stage/lib/pkgconfig

for name in bin/lastack lib/liblastack.a lib/liblastack_core.a include/lastack/lastack.h \
    share/lastack/scenarios/lossy.scn share/lastack/personas/linux.persona \
    share/lastack/experiments/close.lab; do
    [ -e "$stage/$name" ] || fail "$name should be installed"
done

file whole.c <<'E_C'
#include <stdio.h>
#include <lastack/lastack.h>
int main(void) { puts(la_reason_name(LA_NONE)); return la_clock_ns() == 0; }
E_C
file core.c <<'E_C'
#include <lastack/stack.h>
int main(void) { struct la_config c; la_config_init(&c); return c.size != sizeof(c); }
E_C

# builds NAME MODULE: compiles NAME.c against an installed pkg-config module, and runs it.
builds() {
    # The words of pkg-config's answer are arguments.
    # shellcheck disable=SC2046
    "${CC:-cc}" -std=c11 -Wall -Wextra -Werror "$scratch/$1.c" -o "$scratch/$1" \
        $(pkg-config --cflags --libs "$2") && "$scratch/$1"
}
passes "a program with the whole library" builds whole lastack
passes "a program with the core alone" builds core lastack-core

version=$(pkg-config --modversion lastack)
grep -q "\"$version\"" "$stage/include/lastack/version.h" ||
    fail "pkg-config says $version, the header something else"
finish
