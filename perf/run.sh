#!/bin/bash
# Measures out/bin against its peers in one run; writes perf/results. ROUNDS (default 50) alternating runs a command.
# PEER_BIN: a folder of newer peers (runc, crun, dockerd …) to use in place of those on PATH.
set -eu
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "containers need root" >&2; exit 1; }
tests/tools/deps.sh
mkdir -p out/perf
gcc -O2 -Wall -Wextra -Werror -o out/perf/spawn perf/spawn.c
for program in empty pause floor; do gcc -O2 -Wall -Wextra -Werror -static -o out/perf/$program perf/$program.c; done
gcc -O2 -Wall -Wextra -Werror -o out/perf/http-load perf/http-load.c
case " ${*:-http} " in *" http"*) dotnet publish perf/kestrel -c Release -o out/perf/kestrel -v q --nologo ;; esac
case " ${*:-transfer} " in *" transfer "*) dotnet publish perf/transfer -c Release -o out/perf/transfer -v q --nologo ;; esac
dotnet build perf -c Release -v q --nologo
# How a file came into the page cache decides how fast it is mapped, a fifth of a short start: in large folios where it was read in a row, in single
# pages where page faults brought it. So all programs that are started often come anew, and alike, with their libraries.
for program in out/bin/aotruntime out/perf/empty $(PATH=${PEER_BIN:+$PEER_BIN:}$PATH:/usr/sbin bash -c 'type -ap runc crun'); do
    for file in $program $(ldd "$program" 2>/dev/null | grep -oE '/[^ :)]+'); do
        sync "$file"
        dd if="$file" iflag=nocache count=0 status=none
        cat "$file" >/dev/null
    done
done
# crun refuses a hybrid machine whose cgroup v2 half has controllers of its own. This run sees the v1 half only, every program alike.
hide=:
grep -qs . /sys/fs/cgroup/unified/cgroup.controllers && hide="awk '\$3 == \"cgroup2\" { print \$2 }' /proc/self/mounts | xargs -r umount"
exec unshare --mount sh -c "$hide; exec dotnet run --project perf -c Release --no-build -v q -- \"\$@\"" sh "$@"
