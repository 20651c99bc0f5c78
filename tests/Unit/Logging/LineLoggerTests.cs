using System.Text;
using AotRuntime.Logging;
using Microsoft.Extensions.Logging;

namespace AotRuntime.Tests.Unit.Logging;

public sealed partial class LineLoggerTests
{
    private sealed class FixedClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(2026, 11, 24, 4, 5, 6, 789, TimeSpan.Zero);
    }

    private sealed class FullDisk : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer) => throw new IOException("No space left on device");
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "starting {Name}")]
    private static partial void Starting(ILogger logger, string name);

#pragma warning disable SYSLIB1015 // Values outside the template become fields: that is what is tested.
    [LoggerMessage(Level = LogLevel.Warning, Message = "cleaning up")]
    private static partial void CleaningUp(ILogger logger, Exception? error, string id, int count);

    [LoggerMessage(Level = LogLevel.Information, Message = "hi")]
    private static partial void InNamespace(ILogger logger, string @namespace);
#pragma warning restore SYSLIB1015

    private static string Written(LogFormat format, Action<ILogger> act, LogLevel level = LogLevel.Information, string? name = null)
    {
        MemoryStream output = new();
        act(Log.Create(name, new LogOptions { Output = output, Format = format, Clock = new FixedClock(), Level = level }));
        return Encoding.UTF8.GetString(output.ToArray());
    }

    [Fact]
    public void Text_IsLogrus() =>
        Assert.Equal(
            "time=\"2026-11-24T04:05:06.789000000Z\" level=info msg=\"starting containerd\"\n",
            Written(LogFormat.Text, l => Starting(l, "containerd")));

    [Fact]
    public void ValuesOutsideTheTemplate_AreSortedFields() =>
        Assert.Equal(
            "time=\"2026-11-24T04:05:06.789000000Z\" level=warning msg=\"cleaning up\" count=2 error=\"no \\\"x\\\"\" id=a/b module=shim\n",
            Written(LogFormat.Text, l => CleaningUp(l, new InvalidOperationException("no \"x\""), "a/b", 2), name: "shim"));

    [Fact]
    public void Json_HasTheSameValues() =>
        Assert.Equal(
            "{\"count\":\"2\",\"id\":\"a\\tb\",\"level\":\"warning\",\"msg\":\"cleaning up\",\"time\":\"2026-11-24T04:05:06.789000000Z\"}\n",
            Written(LogFormat.Json, l => CleaningUp(l, null, "a\tb", 2)));

    [Theory]
    [InlineData("plain-._/@^+9", "plain-._/@^+9")]
    [InlineData("", "")]
    [InlineData("a b", "\"a b\"")]
    [InlineData("a=b", "\"a=b\"")]
    [InlineData("new\nline\u0001", "\"new\\nline\\x01\"")]
    [InlineData("é", "\"é\"")]
    [InlineData("😀", "\"😀\"")]
    [InlineData("\u200b", "\"\\u200b\"")]
    public void Quoting_IsGos(string value, string expected) =>
        Assert.EndsWith($" id={expected}\n", Written(LogFormat.Text, l => CleaningUp(l, null, value, 1)), StringComparison.Ordinal);

    [Fact]
    public void AKeywordAsAName_LosesItsAt() =>
        Assert.EndsWith(" msg=hi namespace=moby\n", Written(LogFormat.Text, l => InNamespace(l, "moby")), StringComparison.Ordinal);

    [Fact]
    public void BelowTheLevel_NothingIsWritten() =>
        Assert.Equal("", Written(LogFormat.Text, l => Starting(l, "x"), LogLevel.Warning));

    [Fact]
    public void Scopes_AddFields() =>
        Assert.EndsWith(" ns=moby\n", Written(LogFormat.Text, l =>
        {
            using (l.BeginScope(new Dictionary<string, object?> { ["ns"] = "moby" }))
                Starting(l, "x");
        }), StringComparison.Ordinal);

    [Fact]
    public void AFullDisk_DoesNotFailTheCaller()
    {
        LogOptions options = new() { Output = new FullDisk() };
        Starting(Log.Create(null, options), "x");
        Assert.Equal(1, options.Dropped);
    }

    [Theory]
    [InlineData("warn", LogLevel.Warning)]
    [InlineData("DEBUG", LogLevel.Debug)]
    [InlineData("fatal", LogLevel.Critical)]
    public void Levels_AreReadAsLogrusNamesThem(string text, LogLevel level)
    {
        Assert.True(Log.TryParseLevel(text, out LogLevel read));
        Assert.Equal(level, read);
        Assert.False(Log.TryParseLevel("loud", out _));
    }
}
