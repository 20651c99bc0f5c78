using System.Text.Json.Nodes;

namespace AotRuntime.Tests.Functional;

/// <summary>`docker run hello-world` on a fresh engine: the calls it makes, and the same by hand.</summary>
public class HelloWorldTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Run_of_an_absent_image_pulls_it_between_two_creates(bool realClient)
    {
        using Stack stack = new();
        string proxied = stack.Dir.File("p.sock");
        using RecordingProxy proxy = new(proxied, stack.Socket);
        Command run = stack.ClientCommand(realClient ? Programs.Peer("docker") : Programs.Ours("docker"), "run", "hello-world");
        run.Environment["DOCKER_HOST"] = "unix://" + proxied;

        CommandResult result = run.Run().Succeeded();

        Assert.Contains("Hello from AotRuntime!", result.Output);
        Assert.Contains("Unable to find image 'hello-world:latest' locally", result.Error);
        Assert.Contains("latest: Pulling from library/hello-world", result.Error);
        Assert.Contains("Status: Downloaded newer image for hello-world:latest", result.Error);
        string[] calls = [.. proxy.Requests.Select(Shape).Where(c => c is not ("ping" or "info" or "version"))];
        Assert.Equal("create pull create attach wait start", string.Join(' ', Order(calls)));
    }

    [Fact]
    public void The_same_by_curl_over_tcp_with_an_old_version_prefix()
    {
        using Stack stack = new();
        string api = $"http://127.0.0.1:{Stack.ApiPort}/v1.27";
        string[] create = ["-X", "POST", "-H", "Content-Type: application/json", "-d", """{"Image":"hello-world"}""", "-w", "\n%{http_code}", $"{api}/containers/create"];

        string[] missing = stack.Curl(create).Succeeded().Output.TrimEnd().Split('\n');
        Assert.Equal("404", missing[^1]);
        Assert.Equal("No such image: hello-world:latest", (string?)JsonNode.Parse(missing[0])!["message"]);

        string pull = stack.Curl("-X", "POST", $"{api}/images/create?fromImage=hello-world&tag=latest").Succeeded().Output;
        Assert.All(pull.Split('\n', StringSplitOptions.RemoveEmptyEntries), l => Assert.EndsWith("}\r", l));
        JsonNode[] lines = [.. pull.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonNode.Parse(l)!)];
        Assert.Equal("Pulling from library/hello-world", (string?)lines[0]["status"]);
        Assert.Equal("latest", (string?)lines[0]["id"]);
        string[] seen = [.. lines.Skip(1).Where(l => l["id"] is not null).Select(l => (string)l["status"]!).Distinct()];
        Assert.Equal(["Pulling fs layer", "Downloading", "Verifying Checksum", "Download complete", "Extracting", "Pull complete"], seen);
        Assert.All(lines.Skip(1).Where(l => l["id"] is not null), l => Assert.Matches("^[0-9a-f]{12}$", (string)l["id"]!));
        JsonNode downloading = lines.Last(l => (string?)l["status"] == "Downloading");
        Assert.True((long)downloading["progressDetail"]!["current"]! <= (long)downloading["progressDetail"]!["total"]!);
        Assert.Matches(@"^\[=*>? *\]\s+[\d.]+k?M?B/[\d.]+k?M?B$", (string)downloading["progress"]!);
        Assert.Matches("^Digest: sha256:[0-9a-f]{64}$", (string)lines[^2]["status"]!);
        Assert.Equal("Status: Downloaded newer image for hello-world:latest", (string?)lines[^1]["status"]);

        string[] created = stack.Curl(create).Succeeded().Output.TrimEnd().Split('\n');
        Assert.Equal("201", created[^1]);
        JsonNode body = JsonNode.Parse(created[0])!;
        string id = (string)body["Id"]!;
        Assert.Matches("^[0-9a-f]{64}$", id);
        Assert.True(body.AsObject().ContainsKey("Warnings"));

        using Daemon attach = new(new Command("curl", "-sN", "-X", "POST", "-H", "Connection: Upgrade", "-H", "Upgrade: tcp",
            $"{api}/containers/{id}/attach?stderr=1&stdout=1&stream=1")
        { NetworkOf = stack.Network.Pid });
        Thread.Sleep(500);
        Assert.False(attach.HasExited, "attach came back before the container was started: " + attach.Log);
        Assert.Equal("204", stack.Curl("-X", "POST", "-o", "/dev/null", "-w", "%{http_code}", $"{api}/containers/{id}/start").Output);
        attach.WaitUntilExited();
        Assert.Contains("Hello from AotRuntime!", attach.Log);

        JsonNode waited = JsonNode.Parse(stack.Curl("-X", "POST", $"{api}/containers/{id}/wait").Succeeded().Output)!;
        Assert.Equal(0, (int)waited["StatusCode"]!);
    }

    /// <summary>A request line's part in the sequence.</summary>
    private static string Shape(string request) => request switch
    {
        _ when request.Contains("/_ping", StringComparison.Ordinal) => "ping",
        _ when request.StartsWith("GET /info", StringComparison.Ordinal) => "info",
        _ when request.StartsWith("GET /version", StringComparison.Ordinal) => "version",
        _ when request.StartsWith("POST /containers/create", StringComparison.Ordinal) => "create",
        _ when request.StartsWith("POST /images/create", StringComparison.Ordinal) => "pull",
        _ when request.Contains("/attach?", StringComparison.Ordinal) => "attach",
        _ when request.Contains("/wait", StringComparison.Ordinal) => "wait",
        _ when request.EndsWith("/start", StringComparison.Ordinal) => "start",
        _ => request,
    };

    /// <summary>start and wait are on the wire at the same time: their order is not the client's promise.</summary>
    private static IEnumerable<string> Order(string[] calls)
    {
        int wait = Array.IndexOf(calls, "wait"), start = Array.IndexOf(calls, "start");
        if (wait > start && start >= 0)
            (calls[wait], calls[start]) = (calls[start], calls[wait]);
        return calls;
    }
}
