#!/bin/bash
# vm.sh [runc|systemd|systemd-v1|docker ...]: boot Debian's kernel with cgroup v2 alone, in software, and run the tests of tests/vm in it (all of them by
# default). Those of the role runc run a second time on Debian's runc, or on VM_REFERENCE=/path/to/runc, so that a wrong expectation shows: where
# that program may differ is listed in tests/vm/Differences.txt. The last line sums up. What the machines print is kept in out/vm/*.log.
set -u
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || { echo "unpacking a system with its owners needs root" >&2; exit 1; }
vm=$PWD/out/vm bin=${VM_BIN:-$PWD/out/bin} reference=${VM_REFERENCE:-/usr/sbin/runc}
limit=${VM_TIMEOUT:-900}

tests/tools/deps.sh vm || exit 1
[ -x "$bin/aotruntime" ] || { echo "nothing is built yet: make build" >&2; exit 1; }

# Unpacked, never installed: it is not this machine's.
kernel() {
    local package
    package=$(ls "$vm/kernel" 2>/dev/null | grep '^linux-image' || true)
    [ -n "$package" ] && return
    apt-get update -qq
    package=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image/ {print $2; exit}')
    [ -n "$package" ] || { echo "there is no package linux-image-cloud-amd64" >&2; exit 1; }
    echo "fetching $package"
    rm -rf "$vm/kernel" && mkdir -p "$vm/kernel" && (cd "$vm/kernel" && apt-get download -qq "$package" && dpkg-deb -x ./*.deb . && rm ./*.deb) || exit 1
    touch "$vm/kernel/$package"
}

# A program or library, and what it is linked against.
add() {
    local file
    for file in "$@" $(ldd "$@" 2>/dev/null | grep -oE '/[^ :]+'); do
        [ -e "$vm/root$file" ] || { mkdir -p "$vm/root$(dirname "$file")" && cp -L "$file" "$vm/root$file"; }
    done
}

image() {
    local root=$vm/root version modules
    rm -rf "$root"
    mkdir -p "$root"/{bin,sbin,lib,lib64,usr/bin,usr/sbin,usr/lib,usr/local/bin,etc,proc,sys,dev,run,tmp,root,var/lib,var/run,home/user,vm}
    cp /bin/busybox "$root/bin/"
    "$root/bin/busybox" --install -s "$root/bin"
    # --install names the file by the path that it was called by.
    find "$root/bin" -type l -exec ln -sfn busybox {} \;
    # The kernel loads what it lacks by this name.
    ln -s /bin/busybox "$root/sbin/modprobe"
    add /usr/bin/jq /lib/systemd/systemd /usr/bin/systemctl /usr/bin/busctl /usr/bin/systemd-run /usr/bin/dbus-daemon
    mkdir -p "$root/opt/reference" && cp "$reference" "$root/opt/reference/runc" && add $(ldd "$reference" | grep -oE '/[^ :]+')
    cp -a "$bin/." "$root/usr/local/bin/"
    cp -a out/images "$root/opt/images"
    cp tests/vm/init "$root/init"
    cp -a tests/vm/. "$root/vm/"
    printf 'root:x:0:0:root:/root:/bin/sh\nmessagebus:x:100:100::/:/bin/false\nuser:x:1000:1000::/home/user:/bin/sh\n' >"$root/etc/passwd"
    printf 'root:x:0:\ntty:x:5:\nmessagebus:x:100:\nuser:x:1000:\n' >"$root/etc/group"
    printf 'user:100000:65536\n' | tee "$root/etc/subuid" >"$root/etc/subgid"
    printf 'hosts: files\npasswd: files\ngroup: files\n' >"$root/etc/nsswitch.conf"
    printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
    echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
    printf 'NAME=vm\nID=vm\n' >"$root/etc/os-release"
    chown 1000:1000 "$root/home/user"
    mkdir -p "$root/etc/systemd/system" && cp tests/vm/units/* "$root/etc/systemd/system/"
    mkdir -p "$root/usr/share/dbus-1" && cp -a /usr/share/dbus-1/{system.conf,session.conf,system.d} "$root/usr/share/dbus-1/"
    mkdir -p "$root/lib/systemd" && cp -a /lib/systemd/system "$root/lib/systemd/" && mkdir -p "$root/usr/lib/systemd" && cp -a /usr/lib/systemd/user "$root/usr/lib/systemd/"
    # What overlay mounts, the default bridge and block devices need.
    version=$(basename "$vm"/kernel/lib/modules/*)
    modules=lib/modules/$version
    for m in fs/overlayfs fs/configfs net/bridge net/802 net/llc net/netfilter net/ipv4/netfilter net/ipv6/netfilter lib crypto \
        drivers/net/veth.ko drivers/block/null_blk drivers/block/loop.ko drivers/block/zram block; do
        [ -e "$vm/kernel/$modules/kernel/$m" ] || continue
        mkdir -p "$root/$modules/kernel/$(dirname "$m")" && cp -a "$vm/kernel/$modules/kernel/$m" "$root/$modules/kernel/$(dirname "$m")/"
    done
    cp "$vm/kernel/$modules"/modules.{builtin,order} "$root/$modules/"
    busybox depmod -b "$root" "$version"
    (cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null) >"$vm/image.cpio"
}

# boot NAME PARAMETER...: what the machine prints on its serial console.
boot() {
    local name=$1; shift
    timeout "$limit" qemu-system-x86_64 -M q35 -accel "${VM_ACCEL:-tcg}" -cpu max -m 1G -smp 2 -nodefaults -no-user-config -display none -no-reboot \
        -serial stdio -kernel "$vm"/kernel/boot/vmlinuz-* -initrd "$vm/image.cpio" \
        -append "console=ttyS0 quiet loglevel=3 panic=-1 psi=1 apparmor=0 hugepages=2 $*" </dev/null 2>&1 | sed -u 's,\r,,g' | tee "$vm/$name.log"
}

kernel
image
passed=0 failed=0
for which in ${*:-runc systemd systemd-v1 docker}; do
    echo "== $which"
    parameters="vm.run=$which cgroup_no_v1=all"
    case $which in
    systemd) parameters="$parameters systemd.unit=vm.service" ;;
    systemd-v1) parameters="vm.run=systemd systemd.unit=vm.service systemd.unified_cgroup_hierarchy=0" ;;
    esac
    boot "$which" $parameters ${VM_PARAMETERS:-}
    # A machine that ends without its count is one failure.
    counts=$(sed -nE 's/^[a-z0-9-]+: ([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' "$vm/$which.log" | tail -n 1)
    counts=${counts:-0 1}
    passed=$((passed + ${counts% *})) failed=$((failed + ${counts#* }))
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
