using System.Buffers;
using System.Text;
using AotRuntime.Dockerd.Logs;
using AotRuntime.EngineApi;

namespace AotRuntime.Tests.Unit.Dockerd;

public sealed class LogTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aotruntime-log").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private JsonFileLog Open(JsonFileOptions? options = null) => new(Path.Combine(_folder, "x-json.log"), options ?? new JsonFileOptions());

    private static async Task<List<LogEntry>> ReadAsync(JsonFileLog log, LogQuery query)
    {
        List<LogEntry> entries = [];
        await foreach (LogEntry entry in LogReader.ReadAsync(log, query, TestContext.Current.CancellationToken))
            entries.Add(entry);
        return entries;
    }

    [Fact]
    public void Lines_are_escaped_as_dockers()
    {
        ArrayBufferWriter<byte> output = new();
        JsonLogLine.Write(output, "a\"\\<&>\t\u00e4\u2028\n"u8, "stdout"u8, "2024-01-02T03:04:05Z"u8);
        Assert.Equal("{\"log\":\"a\\\"\\\\\\u003c\\u0026\\u003e\\u0009\u00e4\\u2028\\n\",\"stream\":\"stdout\",\"time\":\"2024-01-02T03:04:05Z\"}\n", Encoding.UTF8.GetString(output.WrittenSpan));
        Assert.True(JsonLogLine.TryRead(output.WrittenSpan, out LogEntry entry));
        Assert.Equal("a\"\\<&>\t\u00e4\u2028\n", Encoding.UTF8.GetString(entry.Line));
    }

    [Fact]
    public void Bytes_that_are_no_text_become_the_replacement_character()
    {
        ArrayBufferWriter<byte> output = new();
        JsonLogLine.Write(output, [0x61, 0xff, 0xc3], "stderr"u8, "t"u8);
        Assert.StartsWith("{\"log\":\"a\\ufffd\\ufffd\"", Encoding.UTF8.GetString(output.WrittenSpan));
    }

    [Fact]
    public async Task Lines_come_back_whole_whatever_pieces_they_were_written_in()
    {
        using JsonFileLog log = Open();
        log.Begin();
        foreach (byte b in "one\ntwo\nthree"u8.ToArray())
            log.Write(StdStream.Stdout, [b]);
        log.Write(StdStream.Stderr, "err\n"u8);
        log.End();
        List<LogEntry> entries = await ReadAsync(log, new LogQuery());
        Assert.Equal(["one\n", "two\n", "err\n", "three"], entries.Select(e => Encoding.UTF8.GetString(e.Line)));
        Assert.Equal(["stdout", "stdout", "stderr", "stdout"], entries.Select(e => e.Stream));
    }

    [Fact]
    public async Task A_long_line_is_split_at_16_KiB()
    {
        using JsonFileLog log = Open();
        log.Begin();
        log.Write(StdStream.Stdout, Encoding.ASCII.GetBytes(new string('x', 40000) + "\n"));
        log.End();
        List<LogEntry> entries = await ReadAsync(log, new LogQuery());
        Assert.Equal([16384, 16384, 40001 - 32768], entries.Select(e => e.Line.Length));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(3, 3)]
    [InlineData(100, 5)]
    [InlineData(-1, 5)]
    public async Task Tail_gives_the_last_entries(long tail, int expected)
    {
        using JsonFileLog log = Open();
        log.Begin();
        for (int i = 0; i < 5; i++)
            log.Write(StdStream.Stdout, Encoding.ASCII.GetBytes($"{i}\n"));
        log.End();
        List<LogEntry> entries = await ReadAsync(log, new LogQuery { Tail = tail });
        Assert.Equal(Enumerable.Range(5 - expected, expected).Select(i => $"{i}\n"), entries.Select(e => Encoding.UTF8.GetString(e.Line)));
    }

    [Fact]
    public async Task Rotated_files_are_read_in_order_and_no_more_are_kept_than_asked()
    {
        using JsonFileLog log = Open(new JsonFileOptions { MaxSize = 400, MaxFiles = 3 });
        log.Begin();
        for (int i = 0; i < 30; i++)
            log.Write(StdStream.Stdout, Encoding.ASCII.GetBytes($"{i}\n"));
        log.End();
        Assert.Equal(3, Directory.GetFiles(_folder).Length);
        List<int> numbers = [.. (await ReadAsync(log, new LogQuery())).Select(e => int.Parse(Encoding.ASCII.GetString(e.Line)))];
        Assert.Equal(29, numbers[^1]);
        Assert.Equal(Enumerable.Range(numbers[0], numbers.Count), numbers);
        Assert.True(numbers.Count > 10);
    }

    [Fact]
    public async Task A_follower_sees_what_comes_later_across_a_rotation_and_ends_with_the_run()
    {
        using JsonFileLog log = Open(new JsonFileOptions { MaxSize = 200, MaxFiles = 5 });
        log.Begin();
        log.Write(StdStream.Stdout, "0\n"u8);
        Task<List<LogEntry>> reading = ReadAsync(log, new LogQuery { Follow = true });
        for (int i = 1; i < 8; i++)
        {
            log.Write(StdStream.Stdout, Encoding.ASCII.GetBytes($"{i}\n"));
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
        log.End();
        Assert.Equal(Enumerable.Range(0, 8).Select(i => $"{i}\n"), (await reading).Select(e => Encoding.ASCII.GetString(e.Line)));
    }

    [Fact]
    public async Task Zeros_and_cut_off_entries_are_passed_over()
    {
        using JsonFileLog log = Open();
        log.Begin();
        log.Write(StdStream.Stdout, "good\n"u8);
        log.End();
        File.AppendAllText(log.Path, "\0\0\0\0{\"log\":\"cut\n");
        log.Begin();
        log.Write(StdStream.Stdout, "after\n"u8);
        log.End();
        Assert.Equal(["good\n", "after\n"], (await ReadAsync(log, new LogQuery())).Select(e => Encoding.UTF8.GetString(e.Line)));
    }
}
