using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json;
using AotRuntime.Json;

namespace AotRuntime.Runc.Tracing;

/// <summary>The steps of a start, read from what <c>native/launcher/trace.h</c> lays out.</summary>
internal sealed class Timeline
{
    private const int HeaderSize = 8, TrackHeaderSize = 8, StepSize = 128, StepsOfTrack = 500;

    /// <summary>Who does the steps of each track.</summary>
    private static readonly string[] Tracks = ["runc", "init", "start"];

    private readonly List<Step> _steps = [];

    /// <summary>Reads it; what a container may have spoilt is left out.</summary>
    public Timeline(ReadOnlySpan<byte> bytes)
    {
        for (int track = 0; track < Tracks.Length; track++)
        {
            int at = HeaderSize + (track * (TrackHeaderSize + (StepsOfTrack * StepSize)));
            if (at + TrackHeaderSize + (StepsOfTrack * StepSize) > bytes.Length)
                return;
            uint used = BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
            int count = (int)Math.Min(used, StepsOfTrack);
            ReadOnlySpan<byte> steps = bytes.Slice(at + TrackHeaderSize, count * StepSize);
            for (int i = 0; i < count; i++, steps = steps[StepSize..])
            {
                // A step without its time was cut off while it was written.
                if (Start(steps) == 0)
                    continue;
                ReadOnlySpan<byte> text = steps[8..StepSize];
                int end = text.IndexOf((byte)0);
                ulong? duration = i + 1 < count && Start(steps[StepSize..]) is var next and > 0 ? next - Start(steps) : null;
                _steps.Add(new(_steps.Count, track, Start(steps), duration, Encoding.UTF8.GetString(end < 0 ? text : text[..end])));
            }
            if (used > StepsOfTrack && _steps.Count > 0)
                _steps.Add(new(_steps.Count, track, _steps[^1].Start, null, string.Create(CultureInfo.InvariantCulture, $"({used - StepsOfTrack} further steps were not kept)")));
        }
        // A list's sort does not keep the order of equal ones by itself.
        _steps.Sort((a, b) => a.Start == b.Start ? a.Order.CompareTo(b.Order) : a.Start.CompareTo(b.Start));
    }

    /// <summary>The timeline as a table, or for a viewer of traces as Chrome and Perfetto have it.</summary>
    public byte[] Format(bool json) => json ? Json() : Text();

    private static ulong Start(ReadOnlySpan<byte> step) => BinaryPrimitives.ReadUInt64LittleEndian(step);

    private double Since(Step step) => (step.Start - _steps[0].Start) / 1e3;

    private byte[] Text()
    {
        var text = new StringBuilder("    START/us DURATION/us  WHO    STEP\n");
        foreach (Step step in _steps)
            text.Append(CultureInfo.InvariantCulture, $"{Since(step),12:F1} {step.Duration / 1e3,11:F1}  {Tracks[step.Track],-5}  {step.Text}\n");
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    /// <summary>The "Trace Event Format": complete events ("X"), and instants ("i") for what never ended.</summary>
    private byte[] Json()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = GoJsonEncoder.Html }))
        {
            json.WriteStartObject();
            json.WriteString("displayTimeUnit", "ns");
            json.WriteStartArray("traceEvents");
            for (int track = 0; track < Tracks.Length; track++)
            {
                Event(json, "M", "thread_name", track);
                json.WriteStartObject("args");
                json.WriteString("name", Tracks[track]);
                json.WriteEndObject();
                json.WriteEndObject();
            }
            foreach (Step step in _steps)
            {
                Event(json, step.Duration is null ? "i" : "X", step.Text, step.Track);
                json.WriteNumber("ts", Since(step));
                if (step.Duration is { } duration)
                    json.WriteNumber("dur", duration / 1e3);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        stream.WriteByte((byte)'\n');
        return stream.ToArray();
    }

    private static void Event(Utf8JsonWriter json, string phase, string name, int track)
    {
        json.WriteStartObject();
        json.WriteString("ph", phase);
        json.WriteString("name", name);
        json.WriteNumber("pid", 1);
        json.WriteNumber("tid", track + 1);
    }

    /// <summary>It lasts until the next one of its track.</summary>
    private sealed class Step(int order, int track, ulong start, ulong? duration, string text)
    {
        public int Order => order;
        public int Track => track;
        public ulong Start => start;
        public ulong? Duration => duration;
        public string Text => text;
    }
}
