using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using AotRuntime.Tests.Functional.Security;

namespace AotRuntime.Tests.Functional.Runc;

/// <summary>A container tells the service manager that started its runtime when it is ready (man 3 sd_notify).</summary>
public sealed class NotifyTests : IDisposable
{
    private readonly Bundle _bundle = new();
    private readonly Socket _manager = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
    private readonly string _path;

    public NotifyTests()
    {
        _path = _bundle.Dir.File("m");
        _manager.Bind(new UnixDomainSocketEndPoint(_path));
        _manager.ReceiveTimeout = 30_000;
        _bundle.Args("sleep", "100");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TheManagerHearsOfReadinessAndOfTheProcessToWatch(bool inTwoSteps)
    {
        if (inTwoSteps)
            (await Runtime("create", "--bundle", _bundle.Dir.Path, "c")).Succeeded();
        Task<CommandResult> start = inTwoSteps ? Runtime("start", "c") : Runtime("run", "--detach", "--bundle", _bundle.Dir.Path, "c");
        int pid = WaitUntilRunning();
        Say(pid, "STATUS=soon");
        Say(pid, "READY=1\nSTATUS=up");
        Assert.Equal("READY=1\n", Next());
        Assert.Equal($"MAINPID={pid}\n", Next());
        // The pipe that comes with it is closed as soon as it is read: nobody here keeps it.
        Assert.Equal("BARRIER=1", Next());
        (await start).Succeeded();
    }

    [Fact]
    public async Task InTheForegroundItIsTheRuntimeThatIsWatched()
    {
        Task<CommandResult> run = Runtime("run", "--bundle", _bundle.Dir.Path, "c");
        int pid = WaitUntilRunning();
        Say(pid, "READY=1");
        Assert.Equal("READY=1\n", Next());
        string main = Next();
        Assert.Matches("^MAINPID=[0-9]+\n$", main);
        Assert.Contains("runc", File.ReadAllText($"/proc/{main[8..^1]}/cmdline"));
        Assert.Equal("BARRIER=1", Next());
        _bundle.Runc(["kill", "c", "KILL"]).Run().Succeeded();
        (await run).Exited(137);
    }

    [Fact]
    public async Task AContainerThatEndsWithoutAWordEndsTheWait()
    {
        _bundle.Shell("echo $NOTIFY_SOCKET >/said; stat -c %a /run/notify/notify.sock >>/said");
        (await Runtime("run", "--detach", "--bundle", _bundle.Dir.Path, "c")).Succeeded();
        Assert.Equal("/run/notify/notify.sock\n777\n", File.ReadAllText(_bundle.Rootfs("said")));
        Assert.Equal(0, _manager.Available);
    }

    public void Dispose()
    {
        _bundle.Dispose();
        _manager.Dispose();
    }

    private Task<CommandResult> Runtime(params string[] arguments)
    {
        // Its streams go nowhere: a pipe of ours would stay open as long as the container lives.
        Command run = _bundle.Under(["sh", "-c", "exec \"$@\" </dev/null >/dev/null 2>/dev/null", "sh"], arguments);
        run.Environment["NOTIFY_SOCKET"] = _path;
        return Task.Run(run.Run);
    }

    private int WaitUntilRunning()
    {
        for (int i = 0; i < 1500; i++)
        {
            CommandResult state = _bundle.Runc(["state", "c"]).Run();
            if (state.ExitCode == 0 && JsonNode.Parse(state.Output)! is { } json && (string)json["status"]! == "running")
                return (int)json["pid"]!;
            Thread.Sleep(20);
        }
        throw new TimeoutException("the container does not run");
    }

    /// <summary>Through the container's own root, as its processes would.</summary>
    private static void Say(int pid, string text)
    {
        using Socket socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint($"/proc/{pid}/root/run/notify/notify.sock"));
        socket.Send(Encoding.UTF8.GetBytes(text));
    }

    private string Next()
    {
        var buffer = new byte[4096];
        int n = _manager.Receive(buffer);
        return Encoding.UTF8.GetString(buffer, 0, n);
    }
}
