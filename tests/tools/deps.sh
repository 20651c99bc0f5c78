#!/bin/bash
# deps.sh [build|vm]: install the Debian packages that building (and, without "build", testing) needs and that are missing; "vm": what the tests in a
# virtual machine need.
set -eu
build="gcc make libc6-dev zlib1g-dev libsqlite3-dev libseccomp-dev libssl-dev tar gzip iproute2 util-linux procps"
tests="busybox-static curl psmisc strace skopeo containerd runc crun podman criu containernetworking-plugins nftables ca-certificates libcap2-bin attr uidmap python3-grpcio python3-httpx python3-h2 nghttp2-client"
vm="qemu-system-x86 busybox-static jq runc systemd dbus"
case ${1:-} in build) tests="" ;; vm) build="" tests=$vm ;; esac
missing=""
for p in $build $tests; do
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
# The reference client and daemon: whichever are on PATH, else Debian's (36 MB).
if [ -n "$build" ] && [ -n "$tests" ] && ! { command -v docker && PATH=$PATH:/usr/sbin command -v dockerd; } >/dev/null; then missing="$missing docker.io"; fi
if [ -z "$missing" ]; then exit 0; fi
if [ "$(id -u)" != 0 ]; then
    echo "these packages are missing and only root can install them:$missing" >&2
    exit 1
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# No service of theirs may start: the tests start what they need, where they need it.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy
    trap 'rm -f $policy' EXIT
fi
apt-get install -y -qq --no-install-recommends $missing >/dev/null
