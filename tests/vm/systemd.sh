#!/bin/sh
# The role runc with --systemd-cgroup, under systemd as process 1: the units that it makes, and their cgroups. vm.hierarchy tells which kind.
. /vm/lib.sh
RUNC_FLAGS=--systemd-cgroup

# Tests that begin with v1 or v2 belong to that kind alone. What systemd puts below its slices, on v2 alone or in the hierarchy of memory.
v1=$([ -e $top/cgroup.controllers ] || echo yes)
mount=$top${v1:+/memory} other=$([ "$v1" ] && echo v2 || echo v1)

begin() {
    RUNC_FLAGS=--systemd-cgroup unit=vm-$(echo "$1" | tr _ -).scope
    cgroup=vm-test.slice:vm:${unit#vm-}; cgroup=${cgroup%.scope}
    cg=$mount/vm.slice/vm-test.slice/$unit
}

property() { systemctl show -P "$1" "${2:-$unit}"; }

t_the_unit_is_as_runcs() {
    bundle .; start
    eq Slice "$(property Slice)" vm-test.slice
    eq Description "$(property Description)" "libcontainer container the-unit-is-as-runcs"
    eq Delegate "$(property Delegate)" yes
    eq DefaultDependencies "$(property DefaultDependencies)" no
    eq MemoryAccounting "$(property MemoryAccounting)" yes
    eq CPUAccounting "$(property CPUAccounting)" yes
    eq TasksAccounting "$(property TasksAccounting)" yes
    eq ActiveState "$(property ActiveState)" active
    eq ControlGroup "$(property ControlGroup)" "/vm.slice/vm-test.slice/$unit"
    eq "its processes" "$(cat "$cg/cgroup.procs")" "$pid"
    case $(cat /proc/$pid/cgroup) in *"/vm.slice/vm-test.slice/$unit"*) ;; *) fail "$(cat /proc/$pid/cgroup)" ;; esac
    runc delete -f c
    eq "LoadState afterwards" "$(property LoadState)" not-found
    test ! -e "$cg"
}

# All that systemd knows of the unit, less numbers that are of the moment. On v2 ours leaves devices to its own program, which alone can forbid
# some of what is allowed; the reference tells systemd too.
t_the_unit_shows_as_the_references() {
    bundle '.linux.resources += {memory: {limit: 67108864, reservation: 33554432, swap: 100663296}, pids: {limit: 77}, cpu: {quota: 50000, period: 80000, cpus: "0-1", mems: "0"}}
        | .annotations = {"org.systemd.property.TimeoutStopUSec": "uint64 123456789"}'
    start
    systemctl show "$unit" | grep -vE '^(Device|DropInPaths|ControlGroupId|InvocationID|[A-Za-z]*Timestamp|CPUUsage|Memory(Current|Available|Peak)|Tasks(Current)|IO(Read|Write)|IP(In|E)gress|ConditionTim|AssertTim)' >"/run/show.$(basename "$(dirname "$RUNC")")"
    if [ -e /run/show.bin ] && [ -e /run/show.reference ]; then diff /run/show.bin /run/show.reference; fi
}

t_without_a_path_the_unit_is_named_after_the_container() {
    bundle . ; jq 'del(.linux.cgroupsPath)' "$bundle/config.json" >/run/x && mv /run/x "$bundle/config.json"
    start
    eq ControlGroup "$(property ControlGroup runc-c.scope)" /system.slice/runc-c.scope
    runc delete -f c
    eq LoadState "$(property LoadState runc-c.scope)" not-found
}

t_v2_limits() {
    bundle '.linux.resources += {memory: {limit: 67108864, reservation: 33554432, swap: 100663296},
        cpu: {quota: 50000, period: 80000, cpus: "0-1", mems: "0"}, pids: {limit: 77}, blockIO: {weight: 500},
        unified: {"memory.high": "60000000", "memory.oom.group": "1", "memory.min": "8388608"}}'
    start
    eq MemoryMax "$(property MemoryMax)" 67108864
    eq MemoryLow "$(property MemoryLow)" 33554432
    eq MemorySwapMax "$(property MemorySwapMax)" 33554432
    eq CPUQuotaPerSecUSec "$(property CPUQuotaPerSecUSec)" 630ms
    eq CPUQuotaPeriodUSec "$(property CPUQuotaPeriodUSec)" 80ms
    eq AllowedCPUs "$(property AllowedCPUs)" "0-1"
    eq AllowedMemoryNodes "$(property AllowedMemoryNodes)" 0
    eq TasksMax "$(property TasksMax)" 77
    eq MemoryHigh "$(property MemoryHigh)" 60000000
    eq MemoryMin "$(property MemoryMin)" 8388608
    eq OOMPolicy "$(property OOMPolicy)" kill
    file memory.max 67108864
    file memory.low 33554432
    file memory.swap.max 33554432
    file cpu.max "50000 80000"
    file cpuset.cpus 0-1
    file pids.max 77
    file memory.high 59998208
    file memory.min 8388608
    file memory.oom.group 1
    # What systemd knows survives that it sets all up again.
    systemctl daemon-reload
    systemctl set-property --runtime "$unit" IOAccounting=no
    file memory.max 67108864
    file pids.max 77
}

t_v2_block_weight() {
    bundle '.linux.resources.blockIO.weight = 500'; start
    eq IOWeight "$(property IOWeight)" 4950
}

t_v1_limits() {
    bundle '.linux.resources += {memory: {limit: 67108864}, cpu: {quota: 50000, period: 100000, shares: 512, cpus: "0-1", mems: "0"}, pids: {limit: 77}}'
    start
    eq MemoryLimit "$(property MemoryLimit)" 67108864
    eq CPUShares "$(property CPUShares)" 512
    eq CPUQuotaPerSecUSec "$(property CPUQuotaPerSecUSec)" 500ms
    eq TasksMax "$(property TasksMax)" 77
    eq DevicePolicy "$(property DevicePolicy)" strict
    file memory.limit_in_bytes 67108864
    for controller in cpu pids devices freezer cpuset memory blkio systemd unified; do
        grep -q "$unit" /proc/$pid/cgroup
        [ "$controller" = unified ] || grep -qE ":[a-z,_=]*$controller[a-z,_]*:/vm.slice/vm-test.slice/$unit$" /proc/$pid/cgroup || fail "$controller: $(cat /proc/$pid/cgroup)"
    done
    systemctl daemon-reload
    systemctl set-property --runtime "$unit" CPUShares=600
    eq "devices afterwards" "$(grep -c '^a' "$top/devices/vm.slice/vm-test.slice/$unit/devices.list")" 0
    runc delete -f c
    eq "what is left" "$(find $top -name "$unit")" ""
}

t_update() {
    bundle '.linux.resources += {memory: {limit: 67108864, swap: 67108864}, pids: {limit: 77}}'; start
    runc update --memory 50m --memory-swap 50m --pids-limit 33 --cpu-quota 30000 --cpu-period 100000 --cpuset-cpus 1 c
    if [ -n "$v1" ]; then eq MemoryLimit "$(property MemoryLimit)" 52428800; else eq MemoryMax "$(property MemoryMax)" 52428800; file memory.max 52428800; file cpu.max "30000 100000"; fi
    eq TasksMax "$(property TasksMax)" 33
    eq CPUQuotaPerSecUSec "$(property CPUQuotaPerSecUSec)" 300ms
    eq AllowedCPUs "$(property AllowedCPUs)" 1
}

t_v2_cpu_shares_and_idle() {
    bundle '.linux.resources.cpu = {shares: 1024}'; start; eq CPUWeight "$(property CPUWeight)" 100; file cpu.weight 100
    runc update --cpu-idle 1 c
    eq CPUWeight "$(property CPUWeight)" idle
    file cpu.idle 1
}

# The one that the scope began with does not count.
t_a_limit_of_one_process() {
    bundle '.linux.resources.pids = {limit: 1}'; start
    eq TasksMax "$(property TasksMax)" 1
    eq "processes allowed" "$(cat "$top${v1:+/pids}/vm.slice/vm-test.slice/$unit/pids.max")" 1
}

t_annotations_are_properties() {
    bundle '.annotations = {"org.systemd.property.TimeoutStopUSec": "uint64 123456789", "org.systemd.property.CollectMode": "'"'inactive-or-failed'"'",
        "org.systemd.property.RuntimeMaxSec": "1000", "org.systemd.property.After": "['"'a.service', 'b.service'"']"}'
    start
    eq TimeoutStopUSec "$(property TimeoutStopUSec)" "2min 3.456789s"
    eq CollectMode "$(property CollectMode)" inactive-or-failed
    eq RuntimeMaxUSec "$(property RuntimeMaxUSec)" "16min 40s"
    case " $(property After) " in *" a.service "*) ;; *) fail "After is $(property After)" ;; esac
}

t_what_is_no_property_is_refused() {
    bundle '.annotations = {"org.systemd.property.NoSuchThing": "true"}'
    # On v1 runc hands on what systemd says, and does not name the unit.
    refused "$([ "$v1" ] && echo "apply cgroup configuration: Cannot set property NoSuchThing" || echo "unable to start unit")" runc run -b "$bundle" c
    bundle '.annotations = {"org.systemd.property.TimeoutStopUSec": "uint64 x"}'
    refused "value parse error" runc run -b "$bundle" c
}

t_a_path_for_cgroupfs_is_refused() {
    bundle .; jq '.linux.cgroupsPath = "/a/b"' "$bundle/config.json" >/run/x && mv /run/x "$bundle/config.json"
    refused 'to be of format' runc run -b "$bundle" c
    jq '.linux.cgroupsPath = "a-.slice:x:y"' "$bundle/config.json" >/run/x && mv /run/x "$bundle/config.json"
    refused 'invalid slice name: a-.slice' runc run -b "$bundle" c
}

t_two_of_one_name() {
    bundle .; start
    bundle . true
    refused "cgroup is not empty" runc run -b "$bundle" d
    eq ActiveState "$(property ActiveState)" active
    eq status "$(status)" running
}

t_an_exec_joins() {
    bundle .; start
    runc exec -d --pid-file /run/exec.pid c sleep 1000
    eq "the exec's cgroups" "$(cat /proc/$(cat /run/exec.pid)/cgroup)" "$(cat /proc/$pid/cgroup)"
}

t_life() {
    bundle '.linux.resources.memory.limit = 67108864'
    runc create -b "$bundle" --pid-file /run/pid c </dev/null >/run/out 2>&1 || fail "$(cat /run/out)"
    eq status "$(status)" created
    runc start c; eq status "$(status)" running
    runc pause c; eq status "$(status)" paused
    runc resume c; eq status "$(status)" running
    eq "memory limit" "$(runc events --stats c | jq .data.memory.usage.limit)" 67108864
    "$RUNC" --root "$state" kill c KILL
    until_true sh -c "[ \"\$($RUNC --root $state state c | jq -r .status)\" = stopped ]"
    # Whoever deletes it need not say that it is systemd's.
    "$RUNC" --root "$state" delete c
    eq LoadState "$(property LoadState)" not-found
}

t_what_it_ran_ends_with_it() {
    bundle 'del(.linux.namespaces[] | select(.type == "pid"))' sh -c 'sleep 1000 & exec sleep 1000'; start
    until_true sh -c "[ \$(wc -l <$cg/cgroup.procs) = 2 ]"
    runc delete -f c
    eq LoadState "$(property LoadState)" not-found
}

t_a_foreground_run_leaves_nothing() {
    run . true
    eq LoadState "$(property LoadState)" not-found
    test ! -e "$cg"
}

t_a_start_that_fails_leaves_nothing() {
    bundle . /nothing
    refused "no such file or directory" runc run -b "$bundle" c
    until_true test "$(property LoadState)" = not-found
    test ! -e "$cg"
}

t_a_runtime_that_is_killed_leaves_nothing() {
    bundle '.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "kill -9 $PPID; sleep 1"]}]'
    runc run -d -b "$bundle" c </dev/null >/run/out 2>&1 && fail "it was not killed"
    runc delete -f c
    until_true sh -c "[ \"\$(systemctl show -P LoadState $unit)\" = not-found ]"
    test ! -e "$cg"
}

t_v2_a_user_namespace_owns_its_cgroup() {
    chmod 755 "$bundle" "$bundle/rootfs"
    bundle '.mounts |= map(if .type == "cgroup" then .options = ["nosuid", "noexec", "nodev", "relatime", "rw"] else . end)
        | .linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
    start
    eq owner "$(stat -c %u "$cg" "$cg/cgroup.procs" "$cg/pids.max" | tr '\n' ' ')" "100000 100000 0 "
    runc exec c mkdir /sys/fs/cgroup/mine
}

t_devices() {
    bundle '.linux.devices = [{path: "/dev/block", type: "b", major: '$major', minor: 0, fileMode: 438, uid: 0, gid: 0}]
        | .linux.resources.devices = [{allow: false, access: "rwm"}, {allow: true, type: "b", major: '$major', minor: 0, access: "r"}]'
    start
    runc exec c sh -c 'true </dev/block'
    refused "Operation not permitted" runc exec c sh -c 'true >>/dev/block'
    systemctl daemon-reload
    runc update --pids-limit 30 c
    runc exec c sh -c 'true </dev/block && true >/dev/null'
    refused "Operation not permitted" runc exec c sh -c 'true >>/dev/block'
}

t_it_works_without_a_bus() {
    bundle .
    mv /run/dbus/system_bus_socket /run/dbus/away
    (start) && eq ActiveState "$(property ActiveState)" active && runc delete -f c || { mv /run/dbus/away /run/dbus/system_bus_socket; exit 1; }
    mv /run/dbus/away /run/dbus/system_bus_socket
    eq LoadState "$(property LoadState)" not-found
}

# The user's systemd, from a session whose cgroup is not below it.
user_environment="-E XDG_RUNTIME_DIR=/run/user/1000 -E DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus"
as_user() { systemd-run -q --wait --pipe --uid=1000 --slice=user-1000.slice -E PATH=$PATH $user_environment sh -c "cd /home/user/b && timeout -s KILL 60 $RUNC --systemd-cgroup --root /run/user/1000/runc $*"; }

t_v2_a_user_has_his_own_systemd() {
    # Its end takes the containers with it, and their state: a failure here is none of the next runtime's.
    trap 'systemctl stop user-manager.service' EXIT
    systemctl start user-manager.service
    until_true test -S /run/user/1000/bus
    mkdir -p /home/user/b && rm -rf /home/user/b/* && cp -a "$bundle/rootfs" /home/user/b/ && chown -R 1000:1000 /home/user
    (cd /home/user/b && /usr/local/bin/runc spec --rootless)
    jq '.process.terminal = false | .process.args = ["sleep", "1000"] | .linux.uidMappings[0].hostID = 1000 | .linux.gidMappings[0].hostID = 1000
        | .linux.cgroupsPath = "user.slice:vm:user" | .linux.resources = {memory: {limit: 33554432}, pids: {limit: 9}}' /home/user/b/config.json >/run/x && mv /run/x /home/user/b/config.json
    chown 1000:1000 /home/user/b/config.json
    as_user "run -d c </dev/null >/home/user/out 2>&1" || fail "$(cat /home/user/out)"
    found=$(find $top -name vm-user.scope)
    case $found in */user-manager.service/user.slice/vm-user.scope) ;; *) fail "it is at '$found'" ;; esac
    eq memory.max "$(cat $found/memory.max)" 33554432
    eq pids.max "$(cat $found/pids.max)" 9
    eq "its processes" "$(wc -l <$found/cgroup.procs)" 1
    eq "seen inside" "$(as_user "exec c cat /proc/self/cgroup")" "0::/"
    as_user "update --pids-limit 7 c"
    eq pids.max "$(cat $found/pids.max)" 7
    as_user "delete -f c"
    eq "what is left" "$(find $top -name vm-user.scope)" ""
}

modprobe null_blk gb=1
block=$(cat /sys/block/nullb0/dev) major=${block%:*}
prepare
all=0 bad=0
on /usr/local/bin/runc /vm/systemd.sh
[ -n "${vm_alone:-}" ] || on /opt/reference/runc /vm/systemd.sh
echo "systemd${v1:+-v1}: $all passed, $bad failed"
