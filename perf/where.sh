#!/bin/bash
# where.sh BUNDLE RUNTIME...: where the processor's time of a `run` goes, as a table. Samples by the clock (perf record), so no counters of the
# processor are needed; sampling itself makes everything slower, so only the shares mean something. Build out/perf first (run.sh).
set -eu
cd "$(dirname "$0")/.."
bundle=$1; shift
runs=${RUNS:-60}
data=$(mktemp); state=$(mktemp -d /dev/shm/aot-where-XXXXXX)
trap 'rm -rf "$data" "$state"' EXIT
for runtime in "$@"; do
    perf record -q -e cpu-clock -F 20000 -g -o "$data" -- out/perf/spawn "$runs" -- "$runtime" --root "$state" run --bundle "$bundle" aot-perf-where >/dev/null
    echo "## $runtime"; echo; echo "| where | µs a run | share |"; echo "|---|---|---|"
    perf script -i "$data" -F comm,ip,sym,dso 2>/dev/null | awk -v runs="$runs" '
        function flush() {
            if (n == 0 || comm == "spawn") { n = 0; return }
            key = ""
            # The innermost frame that names a system call, a page fault or an exit tells what the kernel is at.
            for (i = 1; i <= n && key == ""; i++) {
                s = sym[i]
                if (s ~ /^__(x64|do|se)_sys_/) { sub(/^__(x64|do|se)_sys_/, "", s); key = "kernel: " s }
                else if (s ~ /^(ksys_|kernel_clone|kernel_wait4)/) { sub(/^ksys_/, "", s); key = "kernel: " s }
                else if (s ~ /exc_page_fault$/) key = "kernel: page fault"
                else if (s == "do_exit") key = "kernel: exit"
            }
            if (key == "") {
                file = dso[1]
                sub(/.*\//, "", file)
                key = dso[1] ~ /kernel/ ? "kernel: other" : file ~ /^ld-/ ? "program: dynamic linker" : file ~ /\.so|^true$/ ? "program: " file : "program: the runtime"
            }
            sub(/kernel: kernel_clone/, "kernel: clone3", key)
            count[key]++; total++; n = 0
        }
        /^[^ \t]/ || /^ *[^ \t].*[^:]:? *$/ && !/\(/ { flush(); comm = $1; next }
        /^$/ { flush(); next }
        { n++; sym[n] = $2; sub(/\+0x.*/, "", sym[n]); dso[n] = $NF; gsub(/[()]/, "", dso[n]) }
        END { flush(); for (k in count) printf "| %s | %.0f | %.1f %% |\n", k, count[k] * 50 / runs, 100 * count[k] / total; printf "| zz all | %.0f | |\n", total * 50 / runs }
    ' | sort -t'|' -k3 -n -r | head -30 | sed 's/zz all/all/'
    echo
done
