#!/bin/sh
# The role runc where there is cgroup v2 and nothing else: what it writes, and what the kernel then does.
. /vm/lib.sh

begin() { cgroup=/t/$1 cg=$top/t/$1; }

# A block device with a scheduler that knows weights.
blocks() {
    modprobe null_blk gb=1
    modprobe bfq
    echo bfq >/sys/block/nullb0/queue/scheduler
    block=$(cat /sys/block/nullb0/dev) major=${block%:*}
}

t_limits() {
    bundle '.linux.resources += {
        memory: {limit: 67108864, reservation: 33554432, swap: 100663296},
        cpu: {quota: 50000, period: 80000, cpus: "0-1", mems: "0"},
        pids: {limit: 77},
        hugepageLimits: [{pageSize: "2MB", limit: 4194304}],
        blockIO: {weight: 500, throttleReadBpsDevice: [{major: '$major', minor: 0, rate: 1048576}], throttleWriteIOPSDevice: [{major: '$major', minor: 0, rate: 99}]}}'
    start
    file memory.max 67108864
    file memory.low 33554432
    file memory.swap.max 33554432
    file cpu.max "50000 80000"
    file cpuset.cpus 0-1
    file cpuset.mems 0
    file pids.max 77
    file hugetlb.2MB.max 4194304
    file io.max "$block rbps=1048576 wbps=max riops=max wiops=99"
    file io.bfq.weight "default 500"
}

t_weight() {
    bundle '.linux.resources.cpu = {shares: 1024}'; start; file cpu.weight 100; runc delete -f c
    bundle '.linux.resources.cpu = {shares: 2}'; start; file cpu.weight 1; runc delete -f c
    bundle '.linux.resources.cpu = {shares: 262144}'; start; file cpu.weight 10000
}

t_burst_and_idle() {
    bundle '.linux.resources.cpu = {quota: 50000, period: 100000, burst: 20000}'; start; file cpu.max.burst 20000; runc delete -f c
    bundle '.linux.resources.cpu = {idle: 1}'; start; file cpu.idle 1
}

t_no_limit_is_max() {
    bundle '.linux.resources += {memory: {limit: -1, swap: -1}, pids: {limit: -1}, cpu: {quota: -1}}'
    start
    file memory.max max
    file memory.swap.max max
    file pids.max max
    file cpu.max "max 100000"
}

t_unified() {
    bundle '.linux.resources.unified = {"memory.high": "60000000", "memory.min": "8388608", "memory.oom.group": "1", "cpu.weight": "77", "pids.max": "55",
        "io.max": "'$block' wbps=2097152", "hugetlb.2MB.max": "2097152"}'
    start
    file memory.high 59998208
    file memory.min 8388608
    file memory.oom.group 1
    file cpu.weight 77
    file pids.max 55
    file io.max "$block rbps=max wbps=2097152 riops=max wiops=max"
    file hugetlb.2MB.max 2097152
}

t_unified_wins() {
    bundle '.linux.resources += {pids: {limit: 10}, unified: {"pids.max": "20"}}'; start; file pids.max 20
}

t_unified_is_refused() {
    bundle '.linux.resources.unified = {"memory.nothing": "1"}'
    refused 'unable to set unified resource' runc run -b "$bundle" c
    bundle '.linux.resources.unified = {"nothing.max": "1"}'
    refused 'not available' runc run -b "$bundle" c
    bundle '.linux.resources.unified = {"a/b": "1"}'
    refused 'must be a file name (no slashes)' runc run -b "$bundle" c
}

t_a_limit_holds() {
    bundle '.linux.resources.pids = {limit: 4}' sh -c 'for i in 1 2 3 4 5 6; do sleep 2 & done; wait'
    runc run -b "$bundle" c >/run/out 2>&1 || true
    grep -q "can't fork" /run/out || fail "$(cat /run/out)"
}

# device RULES: a node that the runtime makes, and rules that say what may be done with it.
device() { echo '.linux.devices = [{path: "/dev/block", type: "b", major: '$major', minor: 0, fileMode: 438, uid: 0, gid: 0}] | .linux.resources.devices = '"$1"; }

# One stream: two are handed on in no order.
reads='exec 2>&1; true </dev/block && echo read; true >>/dev/block && echo written; true >/dev/null && echo null'

t_devices_are_denied() {
    out=$(run "$(device '[{allow: false, access: "rwm"}]')" sh -c "$reads") || true
    case $out in *"Operation not permitted"*"Operation not permitted"*null) ;; *) fail "$out" ;; esac
}

t_devices_are_allowed() {
    out=$(run "$(device '[{allow: false, access: "rwm"}, {allow: true, type: "b", major: '$major', minor: 0, access: "r"}]')" sh -c "$reads") || true
    case $out in read*"Operation not permitted"*null) ;; *) fail "read only: $out" ;; esac
    out=$(run "$(device '[{allow: false, access: "rwm"}, {allow: true, type: "b", major: '$major', access: "rw"}]')" sh -c "$reads")
    eq "any minor" "$(echo $out)" "read written null"
    out=$(run "$(device '[{allow: true, access: "rwm"}]')" sh -c "$reads")
    eq "all" "$(echo $out)" "read written null"
    out=$(run "$(device '[{allow: true, access: "rwm"}, {allow: false, type: "b", major: '$major', minor: 0, access: "w"}]')" sh -c "$reads") || true
    case $out in read*"Operation not permitted"*null) ;; *) fail "all but writing: $out" ;; esac
}

t_pause_and_resume() {
    bundle . sh -c 'while true; do echo x >>/tmp/ticks; sleep 0.05; done'
    rm -f "$bundle/rootfs/tmp/ticks"
    start
    until_true test -s "$bundle/rootfs/tmp/ticks"
    runc pause c
    eq status "$(status)" paused
    file cgroup.freeze 1
    grep -q "frozen 1" "$cg/cgroup.events"
    size=$(wc -c <"$bundle/rootfs/tmp/ticks"); sleep 0.5
    eq "what it did meanwhile" "$(wc -c <"$bundle/rootfs/tmp/ticks")" "$size"
    refused "cannot exec in a paused container" runc exec c true
    refused "container not running" runc pause c
    runc resume c
    eq status "$(status)" running
    file cgroup.freeze 0
    refused "container not paused" runc resume c
}

t_a_paused_container_is_killed() {
    bundle .; start; runc pause c
    runc kill c KILL
    until_true test "$(status)" = stopped || until_true sh -c "! test -d /proc/$pid"
    runc delete c
}

t_a_paused_container_is_deleted() { bundle .; start; runc pause c; runc delete -f c; }

t_kill_reaches_all() {
    bundle 'del(.linux.namespaces[] | select(.type == "pid"))' sh -c 'sleep 1000 & sleep 1000 & exec sleep 1000'
    start
    until_true sh -c "[ \$(wc -l <$cg/cgroup.procs) = 3 ]"
    runc kill c KILL
    until_true grep -q "populated 0" "$cg/cgroup.events"
    runc delete c
}

t_delete_ends_what_is_left() {
    bundle 'del(.linux.namespaces[] | select(.type == "pid"))' sh -c 'sleep 1000 & exec sleep 1000'
    start
    until_true sh -c "[ \$(wc -l <$cg/cgroup.procs) = 2 ]"
    kill -9 "$pid"
    until_true sh -c "[ \$(wc -l <$cg/cgroup.procs) = 1 ]"
    runc delete c
}

t_stats() {
    bundle '.linux.resources += {memory: {limit: 67108864}, pids: {limit: 77}}'
    start
    runc events --stats c >/run/stats
    eq type "$(jq -r .type /run/stats)" stats
    eq id "$(jq -r .id /run/stats)" c
    eq "the memory limit" "$(jq .data.memory.usage.limit /run/stats)" 67108864
    eq "the limit of processes" "$(jq .data.pids.limit /run/stats)" 77
    eq "its processes" "$(jq .data.pids.current /run/stats)" 1
    eq "its memory" "$(jq '.data.memory.usage.usage > 0 and .data.memory.raw.anon > 0' /run/stats)" true
    eq "its time" "$(jq '.data.cpu.usage.total > 0' /run/stats)" true
    eq "huge pages" "$(jq -c '.data.hugetlb["2MB"]' /run/stats)" '{"failcnt":0}'
    # The same keys whoever writes them; a runtime that is older than the kernel's pressure files does not tell those.
    jq -r '[paths | map(tostring) | join(".")] | unique[] | select(test("raw|psi|blkio|percpu|memory.usage.max") | not)' /run/stats >"/run/keys.$(basename "$(dirname "$RUNC")")"
    if [ -e /run/keys.bin ] && [ -e /run/keys.reference ]; then diff /run/keys.bin /run/keys.reference; fi
}

t_pressure_is_told() {
    bundle .; start
    eq "keys of pressure" "$(runc events --stats c | jq -c '.data | [.cpu, .memory, .blkio | .psi.some | keys]')" \
        '[["avg10","avg300","avg60","total"],["avg10","avg300","avg60","total"],["avg10","avg300","avg60","total"]]'
}

t_stats_are_told_at_intervals() {
    bundle .; start
    runc events --interval 200ms c >/run/events & events=$!
    until_true sh -c '[ $(grep -c stats /run/events) -ge 2 ]'
    runc kill c KILL
    wait $events
}

t_out_of_memory_is_told() {
    bundle '.linux.resources.memory = {limit: 25165824, swap: 25165824}' sh -c 'while ! test -e /tmp/go; do sleep 0.1; done; dd if=/dev/zero of=/dev/null bs=64M count=1; sleep 1000'
    rm -f "$bundle/rootfs/tmp/go"
    start
    runc events --interval 1h c >/run/events 2>&1 & events=$!
    sleep 1
    touch "$bundle/rootfs/tmp/go"
    until_true grep -q '"type":"oom"' /run/events
    eq event "$(head -n 1 /run/events | jq -c .)" '{"type":"oom","id":"c"}'
    grep -q "oom_kill 1" "$cg/memory.events"
    runc kill c KILL
    wait $events
}

# updated FLAGS FILE VALUE
updated() { runc update $1 c; file "$2" "$3"; }

t_update() {
    bundle '.linux.resources += {memory: {limit: 67108864, swap: 67108864}, pids: {limit: 77}, cpu: {quota: 50000, period: 100000, shares: 1024}}'
    start
    updated "--memory 50m --memory-swap 80m" memory.max 52428800
    file memory.swap.max 31457280
    updated "--memory-reservation 20m" memory.low 20971520
    file memory.max 52428800
    updated "--cpu-quota 30000" cpu.max "30000 100000"
    updated "--cpu-period 60000" cpu.max "30000 60000"
    updated "--cpu-quota 40000 --cpu-period 80000" cpu.max "40000 80000"
    updated "--cpu-quota -1" cpu.max "max 80000"
    updated "--cpuset-cpus 1" cpuset.cpus 1
    updated "--cpuset-mems 0" cpuset.mems 0
    updated "--cpu-share 2" cpu.weight 1
    updated "--pids-limit 33" pids.max 33
    updated "--pids-limit -1" pids.max max
    updated "--blkio-weight 200" io.bfq.weight "default 200"
    updated "--memory -1 --memory-swap -1" memory.max max
    file memory.swap.max max
}

t_update_of_burst_and_idle() {
    bundle '.linux.resources.cpu = {quota: 50000, period: 100000}'
    start
    updated "--cpu-burst 10000" cpu.max.burst 10000
    updated "--cpu-idle 1" cpu.idle 1
    updated "--cpu-idle 0" cpu.idle 0
}

t_update_by_a_file() {
    bundle .; start
    echo '{"memory": {"limit": 33554432}, "pids": {"limit": 12}, "unified": {"memory.high": "16777216"}}' | runc update -r - c
    file memory.max 33554432
    file pids.max 12
    file memory.high 16777216
    echo '{"unified": {"pids.max": "13"}}' >/run/resources
    runc update -r /run/resources c
    file pids.max 13
    file memory.max 33554432
}

t_an_update_keeps_devices() {
    bundle "$(device '[{allow: false, access: "rwm"}, {allow: true, type: "b", major: '$major', access: "r"}]')"
    start
    runc update --pids-limit 30 c
    runc exec c sh -c 'true </dev/block'
    refused "Operation not permitted" runc exec c sh -c 'true >>/dev/block'
}

t_a_memory_limit_below_usage_is_refused() {
    bundle . sh -c 'dd if=/dev/zero of=/dev/shm/x bs=1M count=20; exec sleep 1000'
    start
    until_true sh -c "[ \$(cat $cg/memory.current) -gt 20000000 ]"
    echo '{"memory": {"limit": 1048576, "checkBeforeUpdate": true}}' >/run/resources
    refused "memory" runc update -r /run/resources c
    eq status "$(status)" running
}

t_an_exec_joins() {
    bundle .; start
    runc exec -d --pid-file /run/exec.pid c sleep 1000
    eq "the exec's cgroup" "$(cat /proc/$(cat /run/exec.pid)/cgroup)" "0::$cgroup"
    eq "seen inside" "$(runc exec c cat /proc/self/cgroup)" "0::/"
}

# The usual mount of cgroups, writable: what is below belongs to the container.
rw='.mounts |= map(if .type == "cgroup" then .options = ["nosuid", "noexec", "nodev", "relatime", "rw"] else . end)'

t_an_exec_joins_a_cgroup_below() {
    bundle "$rw" sh -c 'mkdir /sys/fs/cgroup/sub; exec sleep 1000'; start
    until_true test -d "$cg/sub"
    runc exec -d --cgroup sub --pid-file /run/exec.pid c sleep 1000
    eq "the exec's cgroup" "$(cat /proc/$(cat /run/exec.pid)/cgroup)" "0::$cgroup/sub"
    refused "no such file or directory" runc exec --cgroup nothing c true
    refused "is not a sub cgroup path" runc exec --cgroup ../.. c true
}

t_an_exec_goes_where_init_went() {
    bundle "$rw" sh -c 'cd /sys/fs/cgroup && mkdir init && echo 1 >init/cgroup.procs && echo +pids >cgroup.subtree_control; exec sleep 1000'; start
    until_true grep -q pids "$cg/cgroup.subtree_control"
    runc exec -d --pid-file /run/exec.pid c sleep 1000
    eq "the exec's cgroup" "$(cat /proc/$(cat /run/exec.pid)/cgroup)" "0::$cgroup/init"
}

t_the_mount_is_the_containers_own() {
    out=$(run . sh -c 'exec 2>&1; cat /proc/self/cgroup; grep " /sys/fs/cgroup " /proc/self/mounts; test -e /sys/fs/cgroup/pids.max && echo own; mkdir /sys/fs/cgroup/x' ) || true
    case $out in "0::/"*"cgroup2 ro,"*own*"Read-only file system"*) ;; *) fail "$out" ;; esac
}

t_without_a_namespace_the_mount_shows_all() {
    out=$(run 'del(.linux.namespaces[] | select(.type == "cgroup"))' sh -c 'cat /proc/self/cgroup; grep -q " /sys/fs/cgroup cgroup2 ro," /proc/self/mounts && echo ro; test -d /sys/fs/cgroup/t && echo all') || true
    eq "what it sees" "$(echo $out)" "0::$cgroup ro all"
}

t_delete_removes_what_is_below() {
    bundle "$rw" sh -c 'mkdir -p /sys/fs/cgroup/a/b; exec sleep 1000'; start
    until_true test -d "$cg/a/b"
    runc delete -f c
    test ! -e "$cg"
}

t_a_user_namespace_owns_its_cgroup() {
    chmod 755 "$bundle" "$bundle/rootfs"
    bundle "$rw"' | .linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
    start
    eq owner "$(stat -c %u "$cg" "$cg/cgroup.procs" "$cg/cgroup.subtree_control" "$cg/cgroup.threads" "$cg/pids.max" | tr '\n' ' ')" "100000 100000 100000 100000 0 "
    runc exec c mkdir /sys/fs/cgroup/mine
}

t_a_used_cgroup_is_refused() {
    mkdir -p "$cg"
    sleep 1000 & other=$!
    echo $other >"$cg/cgroup.procs"
    bundle .
    refused "container's cgroup is not empty" runc run -b "$bundle" c
    kill $other; wait $other || true
    rmdir "$cg"
}

t_without_a_path_it_is_beside_the_callers() {
    mkdir -p "$top/t/caller"
    bundle 'del(.linux.cgroupsPath)'; jq 'del(.linux.cgroupsPath)' "$bundle/config.json" >/run/x && mv /run/x "$bundle/config.json"
    sh -c 'echo $$ >'"$top/t/caller/cgroup.procs"'; exec "$@"' sh "$RUNC" --root "$state" run -d -b "$bundle" --pid-file /run/pid c </dev/null >/run/out 2>&1
    eq cgroup "$(cat /proc/$(cat /run/pid)/cgroup)" "0::/t/c"
    runc delete -f c
    test ! -e "$top/t/c"
    rmdir "$top/t/caller"
}

t_a_threaded_cgroup_takes_no_domain_limits() {
    # Below a cgroup that has processes and threaded children there are threads alone.
    mkdir -p "$top/t/threads/child"
    echo threaded >"$top/t/threads/child/cgroup.type"
    cgroup=/t/threads/c
    bundle '.linux.resources.memory = {limit: 33554432}'
    refused "with domain controllers" runc run -b "$bundle" c
    bundle '.linux.resources = {devices: [{allow: true, access: "rwm"}], pids: {limit: 9}}'
    runc run -d -b "$bundle" c </dev/null >/run/out 2>&1 || fail "$(cat /run/out)"
    eq type "$(cat "$top/t/threads/c/cgroup.type")" threaded
    eq pids "$(cat "$top/t/threads/c/pids.max")" 9
    runc delete -f c
    rmdir "$top/t/threads/child" "$top/t/threads"
}

t_list_and_ps() {
    bundle .; start
    eq ps "$(runc ps -f json c)" "[$pid]"
    eq list "$(runc list -f json | jq -c 'map([.id, .pid, .status])')" "[[\"c\",$pid,\"running\"]]"
}

# A user with a cgroup of his own, as a service manager delegates it.
user() {
    mkdir -p "$top/t/user/shell" /home/user/b
    rm -rf /home/user/b/* && cp -a "$bundle/rootfs" /home/user/b/
    chown -R 1000:1000 /home/user
    for f in "" /cgroup.procs /cgroup.subtree_control /cgroup.threads; do chown 1000:1000 "$top/t/user$f" "$top/t/user/shell" "$top/t/user/shell$f"; done
    echo "+memory +pids +cpu" >"$top/t/cgroup.subtree_control"
    (cd /home/user/b && rm -f config.json && /usr/local/bin/runc spec --rootless)
    jq "$1"' | .process.terminal = false | .process.args = ["sleep", "1000"] | .linux.uidMappings[0].hostID = 1000 | .linux.gidMappings[0].hostID = 1000' /home/user/b/config.json >/run/x && mv /run/x /home/user/b/config.json
    chown 1000:1000 /home/user/b/config.json
}

as_user() { sh -c 'echo $$ >'"$top/t/user/shell/cgroup.procs"'; exec su -s /bin/sh user -c "$1"' sh "XDG_RUNTIME_DIR=/home/user/run timeout -s KILL 60 $RUNC --root /home/user/run $*"; }

t_a_user_has_limits_where_they_are_delegated() {
    echo "+memory +pids +cpu" >"$top/cgroup.subtree_control"
    mkdir -p "$top/t"
    user '.linux.cgroupsPath = "/t/user/c" | .linux.resources += {memory: {limit: 33554432}, pids: {limit: 9}}'
    as_user "run -d -b /home/user/b c </dev/null >/home/user/out 2>&1" || fail "$(cat /home/user/out)"
    eq memory.max "$(cat "$top/t/user/c/memory.max")" 33554432
    eq pids.max "$(cat "$top/t/user/c/pids.max")" 9
    eq "seen inside" "$(as_user "exec c cat /proc/self/cgroup")" "0::/"
    as_user "pause c"; grep -q "frozen 1" "$top/t/user/c/cgroup.events"; as_user "resume c"
    as_user "update --pids-limit 7 c"; eq pids.max "$(cat "$top/t/user/c/pids.max")" 7
    as_user "delete -f c"
    test ! -e "$top/t/user/c"
    until_true rmdir "$top/t/user/shell"
    until_true rmdir "$top/t/user"
}

t_a_user_without_a_cgroup_goes_without_limits() {
    user '.linux.resources = {} | del(.linux.cgroupsPath)'
    chown -R 0:0 "$top/t/user" "$top/t/user/shell"
    as_user "run -d -b /home/user/b c </dev/null >/home/user/out 2>&1" || fail "$(cat /home/user/out)"
    as_user "exec c true"
    as_user "delete -f c"
    user '.linux.resources.memory = {limit: 33554432} | .linux.cgroupsPath = "/t/user/c"'
    chown -R 0:0 "$top/t/user" "$top/t/user/shell"
    if as_user "run -d -b /home/user/b c </dev/null >/home/user/out 2>&1"; then fail "a limit was not refused"; fi
    until_true rmdir "$top/t/user/shell"
    until_true rmdir "$top/t/user"
}

t_time_and_user_namespaces() {
    out=$(run '.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {boottime: {secs: 1000000}}' cat /proc/uptime)
    [ "${out%%.*}" -gt 1000000 ] || fail "$out"
}

t_a_start_that_fails_leaves_nothing() {
    bundle . /nothing
    refused "no such file or directory" runc run -b "$bundle" c
    test ! -e "$cg"
}

prepare
blocks
mkdir -p "$top/t"
all=0 bad=0
on /usr/local/bin/runc /vm/runc.sh
[ -n "${vm_alone:-}" ] || on /opt/reference/runc /vm/runc.sh
find "$top/t" -depth -type d -exec rmdir {} \;
[ ! -d "$top/t" ] || { echo "FAIL cgroups are left: $(find "$top/t")"; bad=$((bad + 1)); }
echo "runc: $all passed, $bad failed"
