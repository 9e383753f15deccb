#!/usr/bin/env bash
# scripts/check-imports must refuse archives that import or that hold writable data.

. "$(dirname "$0")/lib.sh"
archive=$scratch/lib.a

# make_archive: compiles standard input as a member of the core would be, and checks it.
make_archive() {
    rm -f "$archive"
    cat >"$scratch/member.c"
    "${CC:-cc}" -std=c11 -O2 -fPIC -ffreestanding -fno-stack-protector -c "$scratch/member.c" \
        -o "$scratch/member.o" && ar rcs "$archive" "$scratch/member.o"
}
check() { "$root/scripts/check-imports" "$archive"; }

refuses "an archive that is missing" 'no such archive' check
ar rcs "$archive"
refuses "an empty archive" 'empty' check

make_archive <<'E_C'
extern void *memcpy(void *, const void *, unsigned long);
static const char *const names[] = {"one", "two"};
__extension__ typedef unsigned __int128 u128;
const char *name(int i) { return names[i & 1]; }
u128 divide(u128 a, u128 b) { return a / b; }
void copy(void *to, const void *from, unsigned long n) { memcpy(to, from, n); }
int fast(void) { return __builtin_cpu_supports("sse4.2"); }
E_C
case $(uname -m) in
x86_64) passes "mem*, arithmetic, processor model, constant tables" check ;;
esac

make_archive <<<'extern int puts(const char *); int f(void) { return puts("x"); }'
refuses "a call of the C library" 'imports puts' check
make_archive <<<'extern int g(int) __attribute__((weak)); int f(int x) { return g ? g(x) : 0; }'
refuses "a weak import" 'imports g' check
make_archive <<<'int counter = 1; int f(void) { return counter++; }'
refuses "initialised data" 'counter lies in .data' check
make_archive <<<'static int counter; int f(void) { return counter++; }'
refuses "data that begin as zero" 'counter lies in .bss' check
make_archive <<<'static _Thread_local int counter; int f(void) { return counter++; }'
refuses "thread-local data" 'counter|\.tbss' check
make_archive <<<'int f(void) { return 1; } int (*hook)(void) = f;'
refuses "a pointer that can be written" 'hook lies in .data.rel' check
make_archive <<<'__attribute__((common)) int shared; int *f(void) { return &shared; }'
refuses "a common symbol" 'common symbol shared' check
make_archive <<<'__attribute__((constructor)) static void f(void) { __asm__(""); }'
refuses "a constructor" 'init_array' check
make_archive <<<'static int n __attribute__((section("mine"))) = 1; int f(void) { return n++; }'
refuses "a writable section of another name" 'writable data in mine' check
finish
