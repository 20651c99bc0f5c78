#!/bin/bash
# Hello world through every role on a stack of its own: own network namespace, data, sockets and registry.
# Nothing of a Docker that is already on the machine is used or touched.
set -eu
cd "$(dirname "$0")/../.."
bin=$PWD/out/bin images=$PWD/out/images
if [ "$(id -u)" != 0 ]; then
    echo "containers need root: sudo make run" >&2
    exit 1
fi
dir=$(mktemp -d "${TMPDIR:-/tmp}/aotrun-XXXXXX")
pids=()
netns=""

cleanup() {
    # An impatient second Ctrl-C must not leave half of it.
    trap - EXIT
    trap '' INT TERM
    set +e
    [ -S "$dir/docker.sock" ] && "$bin/docker" -H "unix://$dir/docker.sock" rm -f hello sleeper >/dev/null 2>&1
    for pid in ${pids[@]+"${pids[@]}"}; do kill "$pid" 2>/dev/null; done
    for pid in ${pids[@]+"${pids[@]}"}; do
        for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
        kill -9 "$pid" 2>/dev/null
    done
    # Deepest mounts first; only what lies under our own folder.
    awk -v d="$dir/" 'index($5, d) == 1 {print $5}' /proc/self/mountinfo | sort -r | while read -r m; do umount -l "$m"; done
    rm -rf --one-file-system "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A process that holds a network namespace for as long as this script lives.
unshare --net sleep infinity &
holder=$!
pids+=("$holder")
for _ in $(seq 100); do
    [ "$(readlink /proc/$holder/ns/net)" != "$(readlink /proc/self/ns/net)" ] && break
    sleep 0.02
done
# It takes the calling shell's place, so that $! is the program itself and not a shell that would leave it behind.
inside() { exec nsenter --net=/proc/$holder/ns/net "$@"; }
(inside ip link set lo up)

inside "$bin/aotruntime" registry serve "$images" --listen 127.0.0.1:5000 >"$dir/registry.log" 2>&1 &
pids=("$!" "${pids[@]}")
inside "$bin/dockerd" -H "unix://$dir/docker.sock" --data-root "$dir/data" --exec-root "$dir/exec" \
    --pidfile "$dir/docker.pid" --registry-mirror http://127.0.0.1:5000 >"$dir/dockerd.log" 2>&1 &
dockerd=$!
pids=("$dockerd" "${pids[@]}")
export DOCKER_HOST=unix://$dir/docker.sock
for _ in $(seq 150); do
    "$bin/docker" version >/dev/null 2>&1 && break
    kill -0 "$dockerd" 2>/dev/null || { echo "dockerd did not start:" >&2; cat "$dir/dockerd.log" >&2; exit 1; }
    sleep 0.1
done

show() { echo "\$ $*"; }
show docker run --name hello hello-world
"$bin/docker" run --name hello hello-world || { code=$?; tail -20 "$dir/dockerd.log" >&2; exit $code; }
"$bin/docker" rm hello >/dev/null
show "ls -lh $(basename "$bin")/aotruntime   # all of it"
ls -lhL "$bin/aotruntime" | awk '{print $5, $NF}'
