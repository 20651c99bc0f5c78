using System.Text;
using System.Text.Json;
using AotRuntime.Containerd;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Commands.Containers;
using AotRuntime.Docker.Templates;
using AotRuntime.EngineApi;
using AotRuntime.Rpc;

namespace AotRuntime.Tests.Fuzz.Targets;

/// <summary>containerd's filters.</summary>
internal sealed class FilterTarget : Target
{
    public override string Name => "filter";

    public override IReadOnlyList<string> Words => ["==", "!=", "~=", "=", ",", ".", "\"", "\\\"", "labels", "name", "|", "/", "^(a+)+$", "[", "(", "\\x41", "\\u0041", "é"];

    public override IEnumerable<byte[]> Seeds => [Utf8("name==x"), Utf8("labels.\"a.b\"~=^c,name!=\"q\\\"\\n\\x41\""), Utf8("id~=/^a|b$/"), Utf8("labels.foo"), Utf8("name~=(a*)*b")];

    public override Task RunAsync(byte[] input, Random random)
    {
        try
        {
            // Long ones cost a slow pattern its whole second; a few are enough.
            int length = random.Next(32) == 0 ? 40 : 12;
            Filter filter = Filter.Parse([Encoding.UTF8.GetString(input)]);
            filter.Matches(path => path.Length == 0 ? null : path[0] == "name" ? new string('a', length) : path[^1] == "foo" ? null : "x");
        }
        catch (RpcException e) when (e.Status == RpcStatus.InvalidArgument)
        {
            // No filter.
        }
        return Task.CompletedTask;
    }
}

/// <summary>containerd's configuration file.</summary>
internal sealed class TomlTarget : Target
{
    public override string Name => "toml";

    public override IReadOnlyList<string> Words => ["[", "]", "[[", "]]", "=", "\"", "'", "\"\"\"", "'''", "{", "}", ",", "\n", "#", "\\", "\\u0041", "\\UFFFFFFFF", "true", "inf", "nan", "0x", "1_000", "1e9", "1979-05-27T07:32:00Z", "a.b.c", "\r\n"];

    public override IEnumerable<byte[]> Seeds =>
    [
        Utf8("version = 2\nroot = \"/var/lib\" # c\nstate = '/run'\nlist = [\n \"a\", # one\n 'b',\n]\n[plugins.\"io.x\"]\n  a = 0x3E7\n  b = 16_777_216\n  c = 0.02\n  d = true\n[[t]]\nx = { y = 1, z.q = \"w\" }\n[[t]]\n"),
        Utf8("a = \"\"\"\nx\\\n  y\"\"\"\nb = '''z'''\nd = 1979-05-27\n"),
        Utf8("a = " + new string('[', 5000)),
        Utf8("a = " + string.Concat(Enumerable.Repeat("{a=", 5000))),
    ];

    public override Task RunAsync(byte[] input, Random random)
    {
        try
        {
            Toml.Parse(Encoding.UTF8.GetString(input));
        }
        catch (TomlException)
        {
            // No TOML, or none that is understood.
        }
        return Task.CompletedTask;
    }
}

/// <summary>The flags of <c>docker run</c>, and the short notations in their values.</summary>
internal sealed class DockerFlagsTarget : Target
{
    public override string Name => "docker-flags";

    public override IReadOnlyList<string> Words =>
    [
        "\n", "--", "-", "=", "-p", "-v", "-e", "-it", "--rm", "--name", "--mount", "type=bind,source=/a,target=/b", "--network", "name=x,ip=1.2.3.4", "--memory", "1g", "--cpus", "1.5", "--ulimit", "nofile=1:2",
        "--device", "/dev/x:/y:rwm", "--publish", "127.0.0.1:80-90:80-90/udp", "[::1]:1:2", "--health-interval", "1h2m3.5s", "--restart", "on-failure:3", "--tmpfs", "/x:size=1", "--gpus", "all", "--add-host",
        "a:1.2.3.4", "9223372036854775808", "é", "\0", ":", ",", "\"", "--log-opt", "a=b", "--memory-swappiness", "--device-read-bps", "--link", "a:b", "--stop-timeout", "--entrypoint", "--env-file",
    ];

    public override IEnumerable<byte[]> Seeds =>
    [
        Utf8("-it\n--rm\n--name\nx\n-p80:80/udp\n-v\n/a:/b:ro\nbusybox\nsh\n-c\necho"),
        Utf8("--mount=type=volume,src=v,dst=/x,\"volume-opt=a=b,c\"\n--network=name=n,alias=z\n--cpus=.5\n-m1.5gb\n--ulimit=core=-1\nimage"),
        Utf8("--publish=127.0.0.1:8000-8010:80-90/tcp\n--expose=1-3/udp\n--device=/dev/a:/dev/b:r\n--health-interval=1m30s\n--sysctl=net.a=b\ni"),
    ];

    public override Task RunAsync(byte[] input, Random random)
    {
        string[] args = Encoding.UTF8.GetString(input).Split('\n');
        FlagSet flags = new() { Interspersed = false };
        _ = new ContainerFlags(flags, "run");
        try
        {
            flags.Parse(args);
        }
        catch (Exception e) when (e is FlagValueException or CommandException)
        {
            // What the user is told.
        }
        foreach (string arg in args)
        {
            Told(() => PortSpec.Parse(arg));
            Told(() => PortSpec.ParseExposed(arg));
            Told(() => MountOption.Parse(arg));
            Told(() => NetworkOption.Parse(arg));
            Told(() => ContainerValues.ParseUlimit(arg));
            Told(() => ContainerValues.Device(arg));
        }
        return Task.CompletedTask;
    }

    private static void Told(Action parse)
    {
        try
        {
            parse();
        }
        catch (Exception e) when (e is FlagValueException or CommandException)
        {
            // What the user is told.
        }
    }
}

/// <summary>Go templates over a document.</summary>
internal sealed class TemplateTarget : Target
{
    private static readonly JsonDocument s_document = JsonDocument.Parse(
        """{"Id":"abc","Size":1982,"Ratio":0.5,"State":{"Running":true},"Env":["A=1","B=2"],"Labels":{"a":"b","c":null},"Ports":{"80/tcp":[{"HostPort":"8080"}]},"Deep":[[1,2],[3]]}""");

    public override string Name => "template";

    public override IReadOnlyList<string> Words =>
    [
        "{{", "}}", "{{-", "-}}", "{{end}}", "{{else}}", "{{if .Id}}", "{{range .Env}}", "{{with .State}}", "{{break}}", "{{continue}}", "$x", ":=", "=", "|", "(", ")", ".", "\"", "`", "'", "json", "printf", "%v", "%999d", "%999999999d",
        "%.999999999f", "%*d", "%[3]d", "%!", "%q", "%x", "index", "slice", "len", "and", "or", "not", "eq", "lt", "split", "join", "title", "truncate", "pad", "9223372036854775807", "-1", "1e999", "0x", "nil", "true", "{{define \"x\"}}",
        "{{template \"x\"}}", "/*", "*/", "println", "html", "urlquery", "js", "call", "table", "upper",
    ];

    public override IEnumerable<byte[]> Seeds =>
    [
        Utf8("{{range $i, $e := .Env}}{{$i}}:{{$e}}{{if eq $e \"A=1\"}}{{continue}}{{end}} {{else}}none{{end}}"),
        Utf8("{{json .State}} {{(index (index .Ports \"80/tcp\") 0).HostPort}} {{.Labels.a}} {{with .Size}}{{.}}{{end}}"),
        Utf8("{{printf \"%-5s|%05d|%x|%5.1f|%t|%v|%q\" .Id .Size 255 .Ratio true nil \"s\"}}{{pad \"x\" 1 2}}{{truncate .Id 2}}{{slice .Id 1 2}}"),
        Utf8("{{$x := .Id}}{{$x = \"y\"}}{{$x}}{{- /* c */ -}} {{`raw`}} {{'a'}} {{and 1 .Id | or 0}} {{join (split \"a,b\" \",\") \"-\"}}"),
        Utf8(new string('(', 20000) + "{{" + new string('(', 20000)),
        Utf8(string.Concat(Enumerable.Repeat("{{if 1}}", 20000))),
    ];

    public override Task RunAsync(byte[] input, Random random)
    {
        StringBuilder text = new();
        try
        {
            Template.Parse(Encoding.UTF8.GetString(input)).Execute(text, JsonValue.Of(s_document.RootElement), header: random.Next(2) == 0);
        }
        catch (TemplateException)
        {
            // What the user is told.
        }
        if (text.Length > 16 << 20)
            throw new FuzzException($"{text.Length} characters of output");
        return Task.CompletedTask;
    }
}

/// <summary>Bodies and query values of the Engine API.</summary>
internal sealed class EngineJsonTarget : Target
{
    public override string Name => "engine-json";

    public override IReadOnlyList<string> Words => ["Image", "Cmd", "Env", "HostConfig", "PortBindings", "80/tcp", "Mounts", "RestartPolicy", "NetworkMode", "LogConfig", "label", "status", "Binds", "Healthcheck", "EndpointsConfig", "Driver", "Labels"];

    public override IEnumerable<byte[]> Seeds =>
    [
        Utf8("""{"Image":"x","Cmd":["a"],"Entrypoint":"b","Env":["A=b"],"ExposedPorts":{"80/tcp":{}},"Labels":{"a":"b"},"Healthcheck":{"Test":["CMD","x"],"Interval":1000000},"HostConfig":{"Binds":["/a:/b"],"Memory":1,"PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8080"}]},"RestartPolicy":{"Name":"always","MaximumRetryCount":0},"Mounts":[{"Type":"bind","Source":"/a","Target":"/b"}],"Ulimits":[{"Name":"a","Soft":1,"Hard":2}],"Devices":[]},"NetworkingConfig":{"EndpointsConfig":{"n":{"IPAMConfig":{"IPv4Address":"1.2.3.4"}}}}}"""),
        Utf8("""{"AttachStdin":true,"Cmd":["sh"],"Tty":true,"DetachKeys":"ctrl-p","ConsoleSize":[1,2]}"""),
        Utf8("""{"Name":"n","Driver":"bridge","IPAM":{"Driver":"default","Config":[{"Subnet":"10.0.0.0/8"}]},"Options":{"a":"b"},"Labels":{}}"""),
        Utf8("""{"status":{"running":true},"label":["a=b"],"name":{"x":false}}"""),
    ];

    public override byte[] Mutate(Mutator mutator, byte[] seed) => mutator.Json(seed, Words);

    public override Task RunAsync(byte[] input, Random random)
    {
        Read(() =>
        {
            if (EngineJson.Parse(input, EngineJson.Types.ContainerCreateRequest) is { } request)
                EngineJson.ToBytes(request, EngineJson.Types.ContainerCreateRequest);
        });
        Read(() => EngineJson.Parse(input, EngineJson.Types.ExecCreateRequest));
        Read(() => EngineJson.Parse(input, EngineJson.Types.ExecStartRequest));
        Read(() => EngineJson.Parse(input, EngineJson.Types.ContainerUpdateRequest));
        Read(() => EngineJson.Parse(input, EngineJson.Types.NetworkCreateRequest));
        Read(() => EngineJson.Parse(input, EngineJson.Types.NetworkConnectRequest));
        Read(() => EngineJson.Parse(input, EngineJson.Types.VolumeCreateRequest));
        Read(() => EngineJson.Parse(input, EngineJson.Types.AuthConfig));
        string text = Encoding.UTF8.GetString(input);
        try
        {
            Filters.Parse(text);
        }
        catch (FormatException)
        {
            // No filters.
        }
        NatPort.TryParse(text, out NatPort _);
        ByteSize.TryParseRam(text, out _);
        return Task.CompletedTask;
    }

    private static void Read(Action read)
    {
        try
        {
            read();
        }
        catch (JsonException)
        {
            // Not such a document.
        }
    }
}
