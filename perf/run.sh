#!/bin/bash
# Measures out/bin against its peers in one run; writes perf/results. ROUNDS (default 50) alternating runs a command.
# PEER_BIN: a folder of newer peers (runc, crun, dockerd …) to use in place of those on PATH.
set -eu
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "containers need root" >&2; exit 1; }
tests/tools/deps.sh
mkdir -p out/perf
gcc -O2 -Wall -Wextra -Werror -o out/perf/spawn perf/spawn.c
gcc -O2 -static -o out/perf/empty perf/empty.c
exec dotnet run --project perf -c Release -v q -- "$@"
