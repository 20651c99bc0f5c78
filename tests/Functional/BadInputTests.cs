using System.Formats.Tar;
using System.Text;
using System.Text.Json.Nodes;

namespace AotRuntime.Tests.Functional;

/// <summary>Images that lie and requests that make no sense: a clear error, nothing half-made, the engine still up.</summary>
public sealed class BadInputTests : IDisposable
{
    private readonly TempDir _images = new();
    private readonly Lazy<Stack> _stack;

    public BadInputTests() => _stack = new(() => new Stack(_images.Path));

    public void Dispose()
    {
        if (_stack.IsValueCreated)
            _stack.Value.Dispose();
        _images.Dispose();
    }

    [Fact]
    public void A_layer_with_other_bytes_than_its_digest_says()
    {
        ImageLayout layout = new(_images.File("bad"));
        JsonObject layer = layout.Layer(tar => tar.Add("f", "content"));
        layout.Finish(TestImages.ShellConfig());
        string blob = layout.BlobPath((string)layer["digest"]!);
        byte[] bytes = File.ReadAllBytes(blob);
        bytes[^5] ^= 1;
        File.WriteAllBytes(blob, bytes);
        AssertPullFails("bad");
    }

    [Fact]
    public void A_config_with_other_bytes_than_its_digest_says()
    {
        ImageLayout layout = new(_images.File("bad"));
        layout.Layer(tar => tar.Add("f", "content"));
        string id = layout.Finish(TestImages.ShellConfig());
        string text = File.ReadAllText(layout.BlobPath(id));
        File.WriteAllText(layout.BlobPath(id), text.Replace("2026", "2027", StringComparison.Ordinal));
        AssertPullFails("bad");
    }

    [Fact]
    public void A_layer_whose_diff_id_is_another()
    {
        ImageLayout layout = new(_images.File("bad"));
        layout.Layer(tar => tar.Add("f", "content"));
        string id = layout.Finish(TestImages.ShellConfig());
        JsonNode config = JsonNode.Parse(File.ReadAllText(layout.BlobPath(id)))!;
        config["rootfs"]!["diff_ids"]![0] = "sha256:" + new string('0', 64);
        // A whole new image around the lying config, so that every digest but the diff id is right.
        Directory.Delete(_images.File("bad"), true);
        ImageLayout lying = new(_images.File("bad")) { EditManifest = m => m["config"] = new ImageLayout(_images.File("bad")).Blob(Encoding.UTF8.GetBytes(config.ToJsonString()), "application/vnd.oci.image.config.v1+json") };
        lying.Layer(tar => tar.Add("f", "content"));
        lying.Finish(TestImages.ShellConfig());
        AssertPullFails("bad");
    }

    [Fact]
    public void A_layer_that_is_cut_off()
    {
        ImageLayout layout = new(_images.File("bad"));
        JsonObject layer = layout.Layer(tar => tar.Add("f", new byte[1 << 20]));
        layout.Finish(TestImages.ShellConfig());
        string blob = layout.BlobPath((string)layer["digest"]!);
        using (FileStream file = File.OpenWrite(blob))
            file.SetLength(file.Length / 2);
        AssertPullFails("bad");
    }

    [Theory]
    [InlineData("../../../../../../../../tmp/aot-escape")]
    [InlineData("/../../../../../../../../tmp/aot-escape")]
    [InlineData("sub/../../../../../../../../tmp/aot-escape")]
    public void A_path_that_climbs_out_stays_inside_or_is_refused(string name)
    {
        ImageLayout layout = new(_images.File("bad"));
        layout.Layer(tar => tar.Add(name, "escaped"));
        layout.Finish(TestImages.ShellConfig());
        _stack.Value.Docker("pull", "bad");
        Assert.False(File.Exists("/tmp/aot-escape"));
        AssertUp();
    }

    [Theory]
    [InlineData(TarEntryType.SymbolicLink)]
    [InlineData(TarEntryType.HardLink)]
    public void A_link_that_leads_out_does_not_carry_a_write_there(TarEntryType type)
    {
        string victim = _images.File("victim");
        File.WriteAllText(victim, "untouched");
        ImageLayout layout = new(_images.File("bad"));
        layout.Layer(tar =>
        {
            tar.Link(TarEntryType.SymbolicLink, "dir", Path.GetDirectoryName(victim)!);
            tar.Link(type, "link", type == TarEntryType.HardLink ? "../../../../../../../.." + victim : victim);
            tar.Add("dir/victim", "escaped");
            tar.Add("link", "escaped");
        });
        layout.Finish(TestImages.ShellConfig());
        _stack.Value.Docker("pull", "bad");
        Assert.Equal("untouched", File.ReadAllText(victim));
        AssertUp();
    }

    [Fact]
    public void A_tar_header_that_claims_ten_gibibytes()
    {
        byte[] header = new byte[1536];
        Encoding.ASCII.GetBytes("huge").CopyTo(header, 0);
        Encoding.ASCII.GetBytes("0000644\0").CopyTo(header, 100);
        Encoding.ASCII.GetBytes("0000000\0").CopyTo(header, 108);
        Encoding.ASCII.GetBytes("0000000\0").CopyTo(header, 116);
        Encoding.ASCII.GetBytes("120000000000").CopyTo(header, 124); // 10 GiB in octal
        Encoding.ASCII.GetBytes("00000000000\0").CopyTo(header, 136);
        header[156] = (byte)'0';
        Encoding.ASCII.GetBytes("ustar\000").CopyTo(header, 257);
        header.AsSpan(148, 8).Fill((byte)' ');
        Encoding.ASCII.GetBytes(Convert.ToString(header.AsSpan(0, 512).ToArray().Sum(b => b), 8).PadLeft(6, '0') + "\0 ").CopyTo(header, 148);
        ImageLayout layout = new(_images.File("bad"));
        layout.LayerOf(header);
        layout.Finish(TestImages.ShellConfig());
        AssertPullFails("bad");
    }

    [Fact]
    public void An_unknown_layer_media_type()
    {
        ImageLayout layout = new(_images.File("bad"));
        layout.LayerOf(new byte[1024], "application/vnd.example.unknown");
        layout.Finish(TestImages.ShellConfig());
        AssertPullFails("bad");
    }

    [Fact]
    public void A_manifest_that_is_no_json_and_a_repository_that_is_not_there()
    {
        ImageLayout layout = new(_images.File("bad")) { EditManifest = m => m["layers"] = "nonsense" };
        layout.Layer(tar => tar.Add("f", "content"));
        layout.Finish(TestImages.ShellConfig());
        AssertPullFails("bad");
        Assert.Contains("nowhere", AssertPullFails("nowhere"));
    }

    [Fact]
    public void Requests_that_make_no_sense_get_dockers_errors()
    {
        TestImages.Busybox(_images.File("busybox"));
        Stack stack = _stack.Value;
        stack.Docker("pull", "-q", "busybox").Succeeded();
        AssertError(stack, 400, "", "-X", "POST", "-H", "Content-Type: application/json", "-d", "{nonsense", "/v1.41/containers/create");
        AssertError(stack, 400, "", "-X", "POST", "-H", "Content-Type: application/json", "-d", """{"Image":7}""", "/v1.41/containers/create");
        AssertError(stack, 404, "No such container: absent", "/v1.41/containers/absent/json");
        AssertError(stack, 404, "No such container: absent", "-X", "POST", "/v1.41/containers/absent/start");
        AssertError(stack, 404, "page not found", "/v1.41/no/such/route");
        AssertError(stack, 400, "client version 1.12 is too old", "/v1.12/info");
        string create = """{"Image":"busybox","Cmd":["true"]}""";
        Assert.Equal("201", stack.Curl("-o", "/dev/null", "-w", "%{http_code}", "-X", "POST", "-H", "Content-Type: application/json", "-d", create, Api + "/v1.41/containers/create?name=busy").Output);
        AssertError(stack, 409, "Conflict. The container name \"/busy\" is already in use by container", "-X", "POST", "-H", "Content-Type: application/json", "-d", create, "/v1.41/containers/create?name=busy");
        AssertUp();
    }

    private static string Api => $"http://127.0.0.1:{Stack.ApiPort}";

    private static void AssertError(Stack stack, int status, string message, params string[] arguments)
    {
        string[] output = stack.Curl([.. arguments[..^1], "-w", "\n%{http_code}", Api + arguments[^1]]).Output.TrimEnd().Split('\n');
        Assert.Equal(status.ToString(), output[^1]);
        Assert.Contains(message, (string)JsonNode.Parse(output[0])!["message"]!);
    }

    private string AssertPullFails(string image)
    {
        Stack stack = _stack.Value;
        CommandResult pull = stack.Docker("pull", image).Exited(1);
        Assert.NotEmpty(pull.Error);
        Assert.DoesNotContain("Status: ", pull.Output);
        Assert.Empty(stack.Docker("images", "-q").Succeeded().Output);
        string content = stack.Dir.File("data/containerd/daemon/io.containerd.content.v1.content/ingest");
        Assert.True(!Directory.Exists(content) || !Directory.EnumerateDirectories(content).Any(), "an ingest is left");
        AssertUp();
        return pull.Error;
    }

    private void AssertUp() => Assert.Equal("OK", _stack.Value.Curl(Api + "/_ping").Output);
}
