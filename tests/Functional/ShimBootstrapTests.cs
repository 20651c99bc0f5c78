using System.Diagnostics;
using System.Text;

namespace AotRuntime.Tests.Functional;

/// <summary>What the shim's program says to each age of containerd.</summary>
public sealed class ShimBootstrapTests : IDisposable
{
    private const string Namespace = "aot-bootstrap";
    private readonly TempDir _dir = new();
    private readonly string _id = $"c{Guid.NewGuid():N}"[..20];

    public void Dispose()
    {
        Leftovers.KillProcessesOf(_dir.Path);
        _dir.Dispose();
    }

    [Fact]
    public void It_tells_its_version_and_what_its_runtime_can_do()
    {
        Assert.Matches("^containerd-shim-runc-v2:\n  Version:  [0-9.]+\n", Encoding.UTF8.GetString(Run([], null, "-v")));
        string info = Encoding.UTF8.GetString(Run([], null, "-info"));
        Assert.Contains("io.containerd.runc.v2", info);
        Assert.Contains("ociVersionMin", info);
    }

    [Fact]
    public void Containerd_up_to_2_2_gets_a_plain_address()
    {
        Start([], null, out byte[] reply);
        Assert.Matches("^unix:///run/containerd/s/[0-9a-f]{64}$", Encoding.UTF8.GetString(reply));
        Delete(Encoding.UTF8.GetString(reply));
    }

    [Fact]
    public void One_that_takes_version_3_gets_JSON()
    {
        Start(new() { ["MAX_SHIM_VERSION"] = "3" }, null, out byte[] reply);
        string text = Encoding.UTF8.GetString(reply);
        Assert.Matches("^\\{\"version\":3,\"address\":\"unix:///run/containerd/s/[0-9a-f]{64}\",\"protocol\":\"ttrpc\"\\}$", text);
        Delete(text.Split('"')[5]);
    }

    [Fact]
    public void Containerd_from_2_3_on_asks_and_gets_messages()
    {
        // BootstrapParams: instance_id = 1, namespace = 2, containerd_grpc_address = 6, socket_dir = 9.
        string sockets = _dir.File("s");
        byte[] question = [.. Field(1, _id), .. Field(2, Namespace), .. Field(6, _dir.File("c.sock")), .. Field(9, sockets)];
        Start(new() { ["MAX_SHIM_VERSION"] = "2" }, question, out byte[] reply);
        // BootstrapResult: version = 1, address = 2, protocol = 3.
        Assert.Equal([0x08, 0x03, 0x12], reply[..3]);
        string address = Encoding.UTF8.GetString(reply, 4, reply[3]);
        Assert.StartsWith($"unix://{sockets}/", address);
        Assert.Equal(Field(3, "ttrpc"), reply[(4 + reply[3])..]);
        Delete(address);
    }

    private static byte[] Field(int number, string value) =>
        [(byte)((number << 3) | 2), (byte)Encoding.UTF8.GetByteCount(value), .. Encoding.UTF8.GetBytes(value)];

    private void Start(Dictionary<string, string> environment, byte[]? input, out byte[] reply)
    {
        File.WriteAllText(_dir.File("config.json"), """{"ociVersion":"1.0.2","annotations":{}}""");
        reply = Run(environment, input, "start");
        Assert.True(Directory.Exists($"/proc/{File.ReadAllText(_dir.File("shim.pid"))}"), "nobody serves");
    }

    /// <summary>The shim is killed; `delete` tells what became of its container, and takes the socket away.</summary>
    private void Delete(string address)
    {
        Assert.True(File.Exists(address["unix://".Length..]));
        string pid = File.ReadAllText(_dir.File("shim.pid"));
        new Command("kill", "-KILL", pid).Run().Succeeded();
        Assert.True(SpinWait.SpinUntil(() => Leftovers.IsGone(int.Parse(pid)), TimeSpan.FromSeconds(10)), "the shim outlived SIGKILL");
        // DeleteResponse: exit_status = 2, here 137.
        byte[] exit = Run([], null, "-bundle", _dir.Path, "delete");
        Assert.True(exit.AsSpan().IndexOf((ReadOnlySpan<byte>)[0x10, 0x89, 0x01]) >= 0, Convert.ToHexString(exit));
        Assert.False(File.Exists(address["unix://".Length..]));
    }

    private byte[] Run(Dictionary<string, string> environment, byte[]? input, params string[] action)
    {
        ProcessStartInfo start = new(Programs.Ours("containerd-shim-runc-v2"))
        {
            WorkingDirectory = _dir.Path,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        foreach (string argument in (string[])["-namespace", Namespace, "-address", _dir.File("c.sock"), "-publish-binary", "containerd", "-id", _id, .. action])
            start.ArgumentList.Add(argument);
        foreach ((string name, string value) in environment)
            start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        process.StandardInput.BaseStream.Write(input);
        process.StandardInput.Close();
        using MemoryStream output = new();
        process.StandardOutput.BaseStream.CopyTo(output);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output.ToArray();
    }
}
