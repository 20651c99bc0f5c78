using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using AotRuntime.Docker.Streams;
using AotRuntime.EngineApi;
using AotRuntime.Linux.Netlink;

namespace AotRuntime.Tests.Fuzz.Targets;

/// <summary>Two streams over one: the client's reader and the library's, whatever the splits.</summary>
internal sealed class StdCopyTarget : Target
{
    public override string Name => "stdcopy";

    public override IEnumerable<byte[]> Seeds =>
    [
        [1, 0, 0, 0, 0, 0, 0, 3, (byte)'o', (byte)'u', (byte)'t', 2, 0, 0, 0, 0, 0, 0, 3, (byte)'e', (byte)'r', (byte)'r', 0, 0, 0, 0, 0, 0, 0, 0],
        [3, 0, 0, 0, 0, 0, 0, 4, (byte)'o', (byte)'o', (byte)'p', (byte)'s'],
        [1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3],
    ];

    public override async Task RunAsync(byte[] input, Random random)
    {
        string whole = Client(feed => feed(new ReadOnlySequence<byte>(input)));
        Same(whole, Client(feed => Pieces.Feed(input, random, (ref ReadOnlySequence<byte> buffer) =>
        {
            feed(buffer);
            buffer = buffer.Slice(buffer.End);
            return false;
        })), "client");
        string library = await LibraryAsync(new ReadOnlySequence<byte>(input));
        Same(library, await LibraryAsync(Pieces.Segmented(input, random)), "library");
    }

    private static string Client(Action<Action<ReadOnlySequence<byte>>> feed)
    {
        StringBuilder output = new(), errors = new();
        StreamDemultiplexer demultiplexer = new(s => output.Append(Encoding.Latin1.GetString(s)), s => errors.Append(Encoding.Latin1.GetString(s)));
        string end = "";
        try
        {
            feed(demultiplexer.Feed);
        }
        catch (IOException e)
        {
            end = e.Message;
        }
        return $"{output}|{errors}|{end}";
    }

    private static async Task<string> LibraryAsync(ReadOnlySequence<byte> input)
    {
        StringBuilder[] streams = [new(), new(), new(), new()];
        string end = "";
        try
        {
            await StdCopy.DemultiplexAsync(PipeReader.Create(input), (stream, data) =>
            {
                streams[(int)stream].Append(Encoding.Latin1.GetString(data.Span));
                return ValueTask.CompletedTask;
            });
        }
        catch (InvalidDataException e)
        {
            end = e.Message;
        }
        return $"{string.Join('|', streams.Select(s => s.ToString()))}|{end}";
    }
}

/// <summary>Attributes of the kernel's messages.</summary>
internal sealed class NetlinkTarget : Target
{
    public override string Name => "netlink";

    public override IEnumerable<byte[]> Seeds
    {
        get
        {
            NetlinkWriter writer = new();
            writer.AttributeText(3, "eth0");
            writer.AttributeU32(4, 1500);
            int nested = writer.BeginNested(18);
            writer.AttributeText(1, "veth");
            writer.EndNested(nested);
            return [writer.Written.ToArray()];
        }
    }

    public override Task RunAsync(byte[] input, Random random)
    {
        int total = 0;
        Walk(input, 0);
        if (total > input.Length)
            throw new FuzzException("more attributes than bytes");
        return Task.CompletedTask;

        void Walk(ReadOnlySpan<byte> data, int depth)
        {
            for (NetlinkAttributes a = new(data); a.Next();)
            {
                _ = a.U32;
                _ = a.Text;
                if (a.Type is < 0 or > 0x3FFF)
                    throw new FuzzException($"type {a.Type}");
                if (depth == 0)
                    total += 4 + a.Value.Length;
                if (depth < 4)
                    Walk(a.Value, depth + 1);
            }
        }
    }
}
