using System.Text.Json.Nodes;

namespace AotRuntime.Tests.Functional.Runc;

/// <summary>
/// A program named criu that speaks criu's protocol and does not save anything: it notes each request, tells what criu tells
/// on the way, ends what it is to dump, and for a restore starts a program in the place of the container's.
/// </summary>
internal sealed class FakeCriu
{
    private const string Program = """
        #!/usr/bin/python3
        import ctypes, json, os, signal, socket, sys
        here = os.path.dirname(os.path.realpath(sys.argv[0]))
        behave = open(here + '/behave').read().split()
        assert sys.argv[1] == 'swrk', sys.argv
        sock = socket.socket(fileno=int(sys.argv[2]))

        def varint(n):
            out = b''
            while n >= 0x80:
                out += bytes([n & 0x7f | 0x80])
                n >>= 7
            return out + bytes([n])

        def field(number, value):
            if isinstance(value, int):
                return varint(number << 3) + varint(value)
            return varint(number << 3 | 2) + varint(len(value)) + value

        def parse(data):
            at, fields = 0, []
            def number():
                nonlocal at
                n = shift = 0
                while True:
                    b = data[at]
                    at += 1
                    n |= (b & 0x7f) << shift
                    shift += 7
                    if b < 0x80:
                        return n
            while at < len(data):
                tag = number()
                if tag & 7 == 0:
                    fields.append((tag >> 3, number()))
                else:
                    n = number()
                    fields.append((tag >> 3, data[at:at + n]))
                    at += n
            return fields

        def answer(kind, *rest, success=1):
            sock.send(field(1, kind) + field(2, success) + b''.join(rest))

        def notify(script, pid=0, fds=None):
            body = field(1, script.encode()) + (field(2, pid) if pid else b'')
            message = field(1, 6) + field(2, 1) + field(5, body)
            if fds:
                socket.send_fds(sock, [message], fds)
            else:
                sock.send(message)
            reply = dict(parse(sock.recv(4096)))
            assert reply == {1: 6, 3: 1}, reply

        # What a request's numbers mean, and which are messages.
        names = {1: 'images_dir_fd', 2: 'pid', 3: 'leave_running', 4: 'ext_unix_sk', 5: 'tcp_established', 6: 'evasive_devices', 7: 'shell_job',
            8: 'file_locks', 9: 'log_level', 10: 'log_file', 11: 'ps', 12: 'notify_scripts', 13: 'root', 14: 'parent_img', 15: 'track_mem',
            16: 'auto_dedup', 17: 'work_dir_fd', 18: 'link_remap', 23: 'ext_mnt', 24: 'manage_cgroups', 25: 'cg_root', 26: 'rst_sibling',
            27: 'inherit_fd', 34: 'manage_cgroups_mode', 37: 'external', 38: 'empty_ns', 39: 'join_ns', 44: 'freeze_cgroup',
            46: 'tcp_skip_in_flight', 48: 'lazy_pages', 50: 'orphan_pts_master', 51: 'config_file', 53: 'lsm_profile', 63: 'lsm_mount_context'}
        lists = {'ext_mnt', 'cg_root', 'inherit_fd', 'external', 'join_ns'}
        messages = {'ps', 'ext_mnt', 'cg_root', 'inherit_fd', 'join_ns'}

        def readable(data):
            found = {}
            for number, value in parse(data):
                name = names[number]
                if name in messages:
                    value = ' '.join(v.decode() if isinstance(v, bytes) else str(v) for _, v in parse(value))
                elif isinstance(value, bytes):
                    value = value.decode()
                if name.endswith('_dir_fd'):
                    # As criu does: the numbers are those of who asks.
                    value = os.readlink('/proc/%d/fd/%d' % (os.getppid(), value))
                if name in lists:
                    found.setdefault(name, []).append(value)
                else:
                    assert name not in found, name
                    found[name] = value
            return found

        request = dict(parse(sock.recv(1 << 16)))
        kind = request[1]
        opts = readable(request[2]) if 2 in request else {}
        with open(here + '/requests', 'a') as f:
            f.write(json.dumps({'type': kind, 'opts': opts, 'features': {str(k): v for k, v in parse(request.get(5, b''))}}) + '\n')
        if kind == 10:
            answer(10, field(10, field(1, 4) + field(2, 2) + field(4, 1)))
        elif kind == 9:
            answer(9, field(8, field(1, 0 if 'no-features' in behave else 1) + field(2, 1)))
        elif 'fail' in behave:
            with open(opts.get('work_dir_fd', opts['images_dir_fd']) + '/' + opts['log_file'], 'w') as f:
                f.write(''.join('(00.00%d) line %d\n' % (i, i) for i in range(9)) + '(00.009) Error (criu/fake.c:1): no luck\n')
            answer(kind, field(7, 22), success=0)
            sys.exit(1)
        elif kind in (1, 4):
            notify('network-lock')
            if kind == 1:
                if opts['lazy_pages']:
                    notify('status-ready')
                notify('post-dump')
                if not opts['leave_running']:
                    os.kill(opts['pid'], signal.SIGKILL)
            answer(kind)
        elif kind == 2:
            notify('pre-restore')
            if 'hang' in behave:
                sock.recv(1)
                sys.exit(1)
            # A sibling: CLONE_PARENT.
            pid = ctypes.CDLL(None).syscall(56, 0x8000 | signal.SIGCHLD, 0, 0, 0, 0)
            if pid == 0:
                sock.close()
                os.setsid()
                os.execv('/bin/sh', ['sh', '-c', 'trap "exit 9" TERM; echo restored; while :; do sleep 0.05; done'])
            notify('setup-namespaces', pid)
            if 'terminal' in behave:
                notify('orphan-pts-master', fds=[os.open('/dev/null', os.O_RDWR)])
            notify('post-restore', pid)
            notify('post-resume', pid)
            answer(2, field(4, field(1, pid)))
        """;

    private readonly TempDir _dir;
    private int _told;

    public FakeCriu(TempDir dir)
    {
        _dir = dir;
        dir.File("criu-bin").Made();
        System.IO.File.WriteAllText(File, Program);
        System.IO.File.SetUnixFileMode(File, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Behave("");
    }

    /// <summary>The program.</summary>
    public string File => _dir.File("criu-bin/criu");

    /// <summary>A PATH that finds it first.</summary>
    public string SearchPath => $"{_dir.File("criu-bin")}:{Environment.GetEnvironmentVariable("PATH")}";

    /// <summary>"fail", "no-features", "terminal", "hang", or nothing.</summary>
    public void Behave(string how) => System.IO.File.WriteAllText(_dir.File("criu-bin/behave"), how);

    /// <summary>The requests since the last call.</summary>
    public List<JsonObject> Requests()
    {
        string file = _dir.File("criu-bin/requests");
        // What has no end yet is still being written.
        string[] lines = System.IO.File.Exists(file) ? System.IO.File.ReadAllText(file).Split('\n')[..^1] : [];
        List<JsonObject> since = [.. lines[_told..].Select(l => (JsonObject)JsonNode.Parse(l)!)];
        _told = lines.Length;
        return since;
    }
}
