#!/bin/bash
# test.sh [native|unit|fuzz|functional ...]: build and run the suites (all of them by default); the last line sums them up.
set -u
cd "$(dirname "$0")/../.."
suites=${*:-native unit fuzz functional}
passed=0 failed=0 skipped=0
# The names of what failed, said once more at the end, where a log that was cut off still has them.
failures=$(mktemp); trap 'rm -f "$failures"' EXIT

if [ "$(id -u)" != 0 ]; then
    echo "the tests make namespaces, mounts and cgroups: run them as root" >&2
    exit 1
fi

# One suite: show its output, add up its own counts; a suite that ends without counting is one failure.
run() {
    local name=$1; shift
    local log; log=$(mktemp)
    echo "== $name"
    "$@" 2>&1 | tee "$log"
    local code=${PIPESTATUS[0]} line total errors fails skips
    # xunit.v3: "Total: 12, Errors: 0, Failed: 0, Skipped: 0"; the C tests: "12 passed, 0 failed".
    line=$(sed 's/\x1b\[[0-9;]*m//g' "$log" | grep -oE 'Total: [0-9]+, Errors: [0-9]+, Failed: [0-9]+, Skipped: [0-9]+' | tail -1)
    if [ -n "$line" ]; then
        read -r total errors fails skips < <(tr -dc '0-9 ' <<<"$line")
        passed=$((passed + total - errors - fails - skips)) failed=$((failed + fails + errors)) skipped=$((skipped + skips))
        [ "$code" != 0 ] && [ $((fails + errors)) = 0 ] && failed=$((failed + 1))
    else
        local any=0 before=$failed
        while read -r p f; do passed=$((passed + p)) failed=$((failed + f)) any=1; done \
            < <(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed.*/\1 \2/p' "$log")
        [ $any = 0 ] && failed=$((failed + 1)) && echo "== $name: no counts; taken as a failure (exit $code)"
        [ $any = 1 ] && [ "$code" != 0 ] && [ $failed = $before ] && failed=$((failed + 1))
    fi
    sed 's/\x1b\[[0-9;]*m//g' "$log" | grep -E '\[FAIL\]|^FAIL |: FAILED ' | sed "s/^ */$name: /" >>"$failures"
    rm -f "$log"
    return 0
}

step() { echo "== $*"; "$@" || { echo "0 passed, 1 failed"; exit 1; }; }

step tests/tools/deps.sh
for suite in $suites; do
    case $suite in
    native) run native make -s -C native test ;;
    unit)
        step dotnet build tests/Unit -c Debug -v q --nologo
        run unit tests/Unit/bin/Debug/net10.0/AotRuntime.Unit ;;
    fuzz)
        step dotnet build tests/Fuzz -c Debug -v q --nologo
        # A fixed number of inputs for each parser; FUZZ_SECONDS gives each that long instead.
        if [ -n "${FUZZ_SECONDS:-}" ]; then what="all $FUZZ_SECONDS"; else what=ci; fi
        run fuzz tests/Fuzz/bin/Debug/net10.0/AotRuntime.Fuzz $what ;;
    functional)
        step make -s build
        step dotnet build tests/Functional -c Debug -v q --nologo
        run functional tests/Functional/bin/Debug/net10.0/AotRuntime.Functional ;;
    *) echo "no suite is named $suite" >&2; exit 2 ;;
    esac
done
cat "$failures"
if [ $skipped = 0 ]; then echo "$passed passed, $failed failed"; else echo "$passed passed, $failed failed, $skipped skipped"; fi
[ $failed = 0 ]
