#!/bin/sh
# The whole of `docker run` where there is cgroup v2 and nothing else: docker, dockerd, containerd, shim and runc, and the default bridge.
passed=0 failed=0

# same NAME EXPECTED COMMAND...: what the command prints, in a time that even a slow machine keeps.
same() {
    local name=$1 expected=$2 said; shift 2
    said=$(timeout -s KILL 200 "$@" 2>&1) || said="$said (exit $?)"
    case $said in
    $expected) passed=$((passed + 1)); echo "ok $name" ;;
    *) failed=$((failed + 1)); echo "FAIL $name: '$said', not '$expected'" ;;
    esac
}

aotruntime registry serve /opt/images --listen 127.0.0.1:5000 >/run/registry.log 2>&1 &
dockerd --registry-mirror http://127.0.0.1:5000 >/run/dockerd.log 2>&1 & dockerd=$!
for i in $(seq 300); do docker version >/dev/null 2>&1 && break; sleep 0.2; done

same "info tells the kind of cgroups" "2 cgroupfs" docker info -f '{{.CgroupVersion}} {{.CgroupDriver}}'
same "hello world" "*Hello from AotRuntime!*" docker run --rm hello-world
# A shell, in an image that has none.
busybox="-v /bin/busybox:/bin/busybox --entrypoint /bin/busybox"
same "a container is started" "" sh -c 'docker run -d "$@" >/dev/null' sh --name box --memory 64m --memory-swap 96m --cpus 0.5 --pids-limit 50 --cpuset-cpus 1 -p 8080:80 \
    $busybox hello-world nc -ll -p 80 -e /bin/busybox echo served
id=$(docker inspect -f '{{.Id}}' box)
cg=/sys/fs/cgroup/docker/$id
same "its cgroup" "0::/docker/$id" cat "/proc/$(docker inspect -f '{{.State.Pid}}' box)/cgroup"
same "memory" 67108864 cat "$cg/memory.max"
same "swap" 33554432 cat "$cg/memory.swap.max"
same "CPU" "50000 100000" cat "$cg/cpu.max"
same "cpuset" 1 cat "$cg/cpuset.cpus"
same "processes" 50 cat "$cg/pids.max"
address=$(docker inspect -f '{{.NetworkSettings.IPAddress}}' box)
same "its port by the bridge" served nc -w 5 "$address" 80
same "its published port" served nc -w 5 127.0.0.1 8080
same "an exec is in its cgroup namespace" "0::/" docker exec box /bin/busybox cat /proc/self/cgroup
same "stats" "box [1-9]*iB / 64MiB 1" docker stats --no-stream --format '{{.Name}} {{.MemUsage}} {{.PIDs}}' box
same "update" box docker update --memory 80m --memory-swap 80m --pids-limit 40 box
same "memory afterwards" 83886080 cat "$cg/memory.max"
same "swap afterwards" 0 cat "$cg/memory.swap.max"
same "processes afterwards" 40 cat "$cg/pids.max"
same "pause" box docker pause box
same "frozen" "*frozen 1" cat "$cg/cgroup.events"
same "it is told to be paused" paused docker inspect -f '{{.State.Status}}' box
same "unpause" box docker unpause box
same "top" "*busybox nc -ll*" docker top box
same "kill" box docker kill box
same "its end is told" "exited 137" sh -c 'docker wait box >/dev/null; docker inspect -f "{{.State.Status}} {{.State.ExitCode}}" box'
same "remove" box docker rm box
same "its cgroup is gone" "*No such file or directory*" ls "$cg"
docker run --name hungry --memory 24m --memory-swap 24m $busybox hello-world dd if=/dev/zero of=/dev/null bs=64M count=1 >/dev/null 2>&1
same "out of memory is told" "true 137" docker inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' hungry
docker rm hungry >/dev/null
same "a device is refused" "*Operation not permitted*" docker run --rm --cap-add ALL $busybox hello-world sh -c '/bin/busybox mknod /x b 7 0; /bin/busybox head -c 1 /x'
kill $dockerd; wait $dockerd
same "nothing is left of it" "" sh -c 'ls -d /sys/fs/cgroup/docker/*/ 2>/dev/null; true'
[ $failed = 0 ] || cat /run/dockerd.log
echo "docker: $passed passed, $failed failed"
