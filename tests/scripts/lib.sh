# What the tests of the scripts share: a scratch directory and two expectations.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

fail() {
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}

# passes WHAT COMMAND...: the command must succeed.
passes() {
    local what=$1
    shift
    if ! "$@" >"$scratch/output" 2>&1; then
        fail "$what: should pass"
        cat "$scratch/output" >&2
    fi
}

# refuses WHAT PATTERN COMMAND...: the command must fail and say something that fits the pattern.
refuses() {
    local what=$1 pattern=$2
    shift 2
    if "$@" >"$scratch/output" 2>&1; then
        fail "$what: should be refused"
    elif ! grep -qE -- "$pattern" "$scratch/output"; then
        fail "$what: should say '$pattern', but says:"
        cat "$scratch/output" >&2
    fi
}

# file PATH: writes standard input there, below the scratch directory.
file() {
    mkdir -p "$(dirname "$scratch/$1")"
    cat >"$scratch/$1"
}

finish() {
    [ $failures -eq 0 ] && echo "passed"
    exit $((failures > 0))
}
