using System.Text;
using System.Text.Json;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Progress;

namespace AotRuntime.Tests.Unit.Docker;

public sealed class ProgressTests
{
    private static JsonElement Json(string text)
    {
        using JsonDocument document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }

    private static string Show(bool terminal, int width, params string[] messages)
    {
        StringBuilder text = new();
        ProgressDisplay display = new(s => text.Append(s), terminal, () => width);
        foreach (string message in messages)
            display.Show(Json(message));
        return text.ToString();
    }

    [Theory]
    [InlineData("""{"current":1,"total":2}""", 200, "[=========================>                         ]       1B/2B")]
    [InlineData("""{"current":20,"total":10}""", 200, "[==================================================>]      20B")]
    [InlineData("""{"current":1500000,"total":3000000}""", 80, "   1.5MB/3MB")]
    [InlineData("""{"current":5,"total":10,"units":"items"}""", 80, "5/10 items")]
    [InlineData("""{"current":1500}""", 200, "   1.5kB")]
    [InlineData("{}", 200, "")]
    public void Bars_fit_the_width(string detail, int width, string expected) =>
        Assert.Equal(expected, ProgressBar.Draw(Json(detail), width, DateTimeOffset.UnixEpoch));

    [Fact]
    public void The_time_left_is_estimated_from_the_start()
    {
        DateTimeOffset start = DateTimeOffset.FromUnixTimeSeconds(1000);
        string bar = ProgressBar.Draw(Json("""{"current":50,"total":100,"start":1000}"""), 80, start.AddSeconds(30));
        Assert.Equal("     50B/100B 30s", bar);
    }

    [Fact]
    public void Without_a_terminal_lines_follow_one_another_and_bars_are_left_out() => Assert.Equal(
        "latest: Pulling from library/busybox\n1: Pulling fs layer\n1: Download complete\nDigest: sha256:0\n",
        Show(
            terminal: false,
            200,
            """{"status":"Pulling from library/busybox","id":"latest"}""",
            """{"status":"Pulling fs layer","progressDetail":{},"id":"1"}""",
            """{"status":"Downloading","progressDetail":{"current":1,"total":2},"progress":"[>]","id":"1"}""",
            """{"status":"Download complete","progressDetail":{},"id":"1"}""",
            """{"status":"Digest: sha256:0"}"""));

    [Fact]
    public void On_a_terminal_each_layer_is_drawn_again_in_its_line() => Assert.Equal(
        "\n\u001b[1A\u001b[2K\r1: a \r\u001b[1B\n\u001b[1A\u001b[2K\r2: b \r\u001b[1B\u001b[2A\u001b[2K\r1: c       1B/2B\r\u001b[2Bend\n",
        Show(
            terminal: true,
            80,
            """{"status":"a","progressDetail":{},"id":"1"}""",
            """{"status":"b","progressDetail":{},"id":"2"}""",
            """{"status":"c","progressDetail":{"current":1,"total":2},"id":"1"}""",
            """{"status":"end"}"""));

    [Fact]
    public void An_error_in_the_stream_ends_the_command() =>
        Assert.Equal("no such manifest", Assert.Throws<CommandException>(() => Show(false, 80, """{"errorDetail":{"message":"no such manifest"},"error":"no such manifest"}""")).Message);
}
