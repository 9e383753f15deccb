#!/usr/bin/env bash
# scripts/check-sizes must refuse what is too long, and conditional compilation in the core.

. "$(dirname "$0")/lib.sh"
check() { "$root/scripts/check-sizes" "$scratch/tree"; }

# a_function LINES: a function of so many lines, braces included.
a_function() {
    printf 'int f(void)\n{\n'
    for ((i = 2; i < $1; i++)); do echo '    ;'; done
    printf '}\n'
}

refuses "a tree without sources" 'no sources found' "$root/scripts/check-sizes" "$scratch"
printf '#ifndef A_H\n#define A_H\n#endif\n' | file tree/core/base/a.h
a_function 70 | file tree/core/base/a.c
printf '%0100d\n' 0 | file tree/link/a.c
passes "everything at its limit" check

a_function 71 | file tree/core/base/a.c
refuses "a function of 71 lines" 'f has 71 lines' check
printf '%0101d\n' 0 | file tree/core/base/a.c
refuses "a line of 101 columns" 'a.c:1: 101 columns' check
printf ';\n%.0s' {1..501} | file tree/core/base/a.c
refuses "a file of 501 lines in the core" '501 lines, at most 500' check
printf '#ifdef __linux__\n#endif\n' | file tree/core/base/a.c
refuses "conditional compilation" 'no conditional compilation' check
printf '#ifndef OTHER_H\n#endif\n' | file tree/core/base/a.c
refuses "a guard outside a header" 'no conditional compilation' check
printf '/* %s: later */\n' TO''DO | file tree/core/base/a.c
refuses "a note of something left to do" 'a.c:1' check
a_function 70 | file tree/core/base/a.c

echo 'int la_f(void);' | file tree/include/lastack/a.h
refuses "a public function that is hidden" 'visibility' check
finish
