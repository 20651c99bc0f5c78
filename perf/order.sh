#!/bin/bash
# order.sh: writes src/AotRuntime/start-order.txt anew: the methods that short-lived commands call, in the order of their first calls, which the
# compiler then places side by side (IlcOrderFile). A cold start touches a few hundred kilobytes of six megabytes of code; side by side they
# are a few ranges of pages in place of all of them. Names that no longer exist do no harm, so this is run when starts have changed much.
set -eu
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "containers need root" >&2; exit 1; }
[ "$(uname -m)" = x86_64 ] || { echo "the breakpoints are those of x86-64" >&2; exit 1; }
make -s build
mkdir -p out/perf
gcc -O2 -Wall -Wextra -Werror -o out/perf/first-calls perf/first-calls.c
for program in empty pause; do gcc -O2 -static -o out/perf/$program perf/$program.c; done

dir=$(mktemp -d /dev/shm/aot-order-XXXXXX)
runc="$PWD/out/bin/runc"
cleanup() {
    for id in order run-docker created; do "$runc" --root "$dir/state" delete --force $id 2>/dev/null || :; done
    rm -rf "$dir"
}
trap cleanup EXIT
nm -n out/debug/aotruntime.dbg |
    awk '$3 == "__start___managedcode" { on = 1 } $3 == "__stop___managedcode" { on = 0 } on && $2 ~ /[tT]/ && $3 !~ /^__st/ { print $1, $3 }' >"$dir/symbols"

bundle() {
    mkdir -p "$dir/$1/rootfs/bin" "$dir/$1/files"
    cp out/perf/empty "$dir/$1/rootfs/bin/true"
    cp out/perf/pause "$dir/$1/rootfs/bin/pause"
    for file in resolv.conf hostname hosts; do : >"$dir/$1/files/$file"; done
}
bundle default
"$runc" spec --bundle "$dir/default"
sed -i 's|"sh"|"/bin/true"|; s|"terminal": true|"terminal": false|' "$dir/default/config.json"
bundle docker
sed "s|files/|$dir/docker/files/|" perf/docker-spec.json >"$dir/docker/config.json"
bundle waiting
sed 's|/bin/true|/bin/pause|' "$dir/default/config.json" >"$dir/waiting/config.json"

first() { out/perf/first-calls "$dir/symbols" "$@" 3>>"$dir/order" >/dev/null 2>&1 </dev/null || [ $? != 2 ]; }
state=(--root "$dir/state")
first "$runc" "${state[@]}" run --bundle "$dir/default" order
first "$runc" "${state[@]}" run --bundle "$dir/docker" run-docker
first "$runc" "${state[@]}" create --bundle "$dir/waiting" created
first "$runc" "${state[@]}" start created
first "$runc" "${state[@]}" exec created /bin/true
first "$runc" "${state[@]}" state created
first "$runc" "${state[@]}" kill created KILL
first "$runc" "${state[@]}" delete --force created
first "$PWD/out/bin/containerd-shim-runc-v2" -v
first "$PWD/out/bin/docker" --host "unix://$dir/none.sock" run --rm none

{
    echo "# Made by perf/order.sh: the methods of short-lived commands in the order of their first calls."
    awk '!seen[$0]++' "$dir/order"
} >"$dir/new"
cp "$dir/new" src/AotRuntime/start-order.txt
wc -l src/AotRuntime/start-order.txt
