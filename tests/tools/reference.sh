#!/bin/bash
# reference.sh RUNTIME: the tests of the role runc on another runtime, so that a wrong expectation of theirs shows. Where that program
# differs is listed with the reason in tests/Functional/Runc/Differences.txt; one that is not there, or no longer differs, is a failure.
set -u
runtime=$(readlink -f "$1") || exit 2
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || { echo "containers need root" >&2; exit 1; }
version=$("$runtime" --version | head -n 1) || exit 2
echo "== $version ($runtime)"
tests/tools/deps.sh || exit 1
dotnet build tests/Functional -c Debug -v q --nologo || exit 1
classes=(Runc.CommandLineTests Runc.LeakTests Runc.MountTests Runc.NamespaceTests Runc.NetDeviceTests Runc.NotifyTests Runc.ProcessTests
    Security.RuncCveTests Security.RuncMountCveTests)
# Debian's crun is built without it.
"$runtime" checkpoint --help >/dev/null 2>&1 && classes+=(Runc.CheckpointTests)
arguments=()
for c in "${classes[@]}"; do arguments+=(-class "AotRuntime.Tests.Functional.$c"); done
# crun refuses a hybrid machine whose cgroup v2 half has controllers of its own; it sees the v1 half only.
hide=:
case $version in crun*) grep -qs . /sys/fs/cgroup/unified/cgroup.controllers && hide='umount /sys/fs/cgroup/unified' ;; esac
log=$(mktemp)
AOT_SECURITY_RUNC=$runtime unshare --mount sh -c "$hide; exec \"\$@\"" sh \
    tests/Functional/bin/Debug/net10.0/AotRuntime.Functional "${arguments[@]}" 2>&1 | sed 's/\x1b\[[0-9;]*m//g' | tee "$log"
different=$(sed -nE 's/^ *AotRuntime\.Tests\.Functional\.[A-Za-z]+\.([A-Za-z]+\.[A-Za-z0-9_]+).* \[FAIL\]$/\1/p' "$log" | sort -u)
listed=$(while read -r who test why; do
    case $who in ''|\#*) continue ;; esac
    case ${version// /-} in "$who"*) echo "$test" ;; esac
done <tests/Functional/Runc/Differences.txt | sort -u)
total=$(grep -oE 'Total: [0-9]+' "$log" | tail -n 1 | tr -dc 0-9)
rm -f "$log"
unlisted=$(comm -23 <(echo "$different") <(echo "$listed") | grep .)
stale=$(comm -13 <(echo "$different") <(echo "$listed") | grep .)
[ -n "$unlisted" ] && echo "== differ from $version, and are not listed:" && echo "$unlisted"
[ -n "$stale" ] && echo "== are listed for $version, and do not differ:" && echo "$stale"
failed=$(printf '%s\n%s\n' "$unlisted" "$stale" | grep -c .)
[ -n "$total" ] && [ "$total" != 0 ] || { echo "0 passed, 1 failed"; exit 1; }
echo "$((total - failed)) passed, $failed failed"
[ "$failed" = 0 ]
