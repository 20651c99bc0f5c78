# What the test scripts of the virtual machine share. A test is a function t_NAME of the script; the runtime under test is $RUNC. Each runs in a
# shell of its own with `set -e`, on a container root and a cgroup of its own, and what it leaves is a failure of its own.

# vm.NAME=VALUE of the kernel's command line.
for word in $(cat /proc/cmdline); do
    case $word in vm.*=*) name=${word%%=*}; eval "vm_${name#vm.}=\${word#*=}" ;; esac
done

state=/run/state bundle=/run/bundle top=/sys/fs/cgroup

fail() { echo "$*"; exit 1; }

# eq WHAT ACTUAL EXPECTED
eq() { [ "$2" = "$3" ] || fail "$1 is '$2', not '$3'"; }

# file NAME VALUE: of the container's cgroup.
file() { eq "$1" "$(cat "$cg/$1")" "$2"; }

# refused PATTERN COMMAND...: it fails, and says so.
refused() {
    local pattern=$1 said; shift
    if said=$("$@" 2>&1); then fail "not refused: $*"; fi
    case $said in *$pattern*) ;; *) fail "says '$said', not '$pattern'" ;; esac
}

# until COMMAND...: within ten seconds.
until_true() {
    local i=0
    while ! "$@" >/dev/null 2>&1; do
        i=$((i + 1)); [ $i -lt 100 ] || fail "not within ten seconds: $*"
        sleep 0.1
    done
}

runc() { timeout -s KILL 60 "$RUNC" $RUNC_FLAGS --root "$state" "$@"; }

# bundle FILTER [ARG...]: writes config.json, the default one changed by a jq filter; the arguments are the container's program.
bundle() {
    local filter=$1; shift
    [ $# -gt 0 ] || set -- sleep 1000
    jq --arg cgroup "$cgroup" "$filter"' | .process.args = $ARGS.positional | .linux.cgroupsPath = $cgroup' /run/base.json --args -- "$@" >"$bundle/config.json"
}

# starts it, and leaves its process id in $pid.
start() { runc run -d -b "$bundle" --pid-file /run/pid c </dev/null >/run/out 2>&1 || fail "run: $(cat /run/out)"; pid=$(cat /run/pid); }

# run FILTER PROGRAM...: what a container in the foreground prints.
run() { bundle "$@"; runc run -b "$bundle" c </dev/null 2>&1; }

status() { runc state c | jq -r .status; }

prepare() {
    mkdir -p "$bundle/rootfs/bin" "$bundle/rootfs/proc" "$bundle/rootfs/sys" "$bundle/rootfs/dev" "$bundle/rootfs/tmp"
    cp /bin/busybox "$bundle/rootfs/bin/"
    for applet in sh sleep cat echo true dd mkdir rmdir ls id grep kill stat test head; do ln -sf busybox "$bundle/rootfs/bin/$applet"; done
    (cd "$bundle" && rm -f config.json && /usr/local/bin/runc spec)
    jq '.process.terminal = false | .root.readonly = false' "$bundle/config.json" >/run/base.json
}

# What is no longer there once a container is deleted.
leftovers() {
    for id in $(ls "$state" 2>/dev/null); do runc delete -f "$id" >/dev/null 2>&1; echo "container $id is left"; done
    [ ! -d "$cg" ] || { echo "cgroup $cg is left"; find "$cg" -depth -type d -exec rmdir {} \; ; }
}

# run_tests SCRIPT: runs all, or those that vm.test names, vm.times times each; counts and names the failed ones.
run_tests() {
    passed=0 failed=""
    for name in $(sed -n 's/^t_\([a-z0-9_]*\)() .*/\1/p' "$1" | awk -v n="${vm_times:-1}" '{for (i = 0; i < n; i++) print}'); do
        case "${vm_test:-$name}" in *"$name"*) ;; *) continue ;; esac
        case $name in ${other:-none}_*) continue ;; esac
        begin "$name"
        began=$(date +%s)
        ( set -e; "t_$name" ) >/run/log 2>&1
        code=$?
        if [ $code = 0 ]; then runc delete -f c >>/run/log 2>&1 || code=$?; fi
        left=$(leftovers)
        if [ $code = 0 ] && [ -z "$left" ]; then
            echo "ok $name ($(($(date +%s) - began)) s)"; passed=$((passed + 1))
        else
            echo "FAIL $name: $(tail -n 8 /run/log) ${left:+($left)}"; failed="$failed $name"
        fi
    done
}

# on RUNTIME: the tests on it. Of another's runtime the failures are held against Differences.txt, both ways.
on() {
    RUNC=$1
    version=$("$RUNC" --version | head -n 1)
    echo "== $version ($RUNC)"
    run_tests "$2"
    if [ "$RUNC" = /usr/local/bin/runc ]; then
        all=$((all + passed)) bad=$((bad + $(echo $failed | wc -w)))
        return
    fi
    key=$(echo "$version" | tr ' ' -)
    known=$(grep -v '^#' /vm/Differences.txt | while read -r who script test why; do
        case $key in "$who"*) [ "$script" = "$(basename "$2" .sh)${v1:+-v1}" ] && echo "$test $why" ;; esac; done)
    for name in $failed; do
        echo "$known" | grep -q "^$name " || { echo "FAIL the reference differs in $name, and that is not listed"; bad=$((bad + 1)); }
    done
    [ -n "${vm_test:-}" ] || for name in $(echo "$known" | grep -v '^[^ ]* sometimes' | cut -d ' ' -f 1); do
        case " $failed " in *" $name "*) ;; *) echo "FAIL $name is listed for the reference, and does not differ"; bad=$((bad + 1)) ;; esac
    done
}
