using System.Text;
using System.Text.Json;

namespace AotRuntime.Tests.Unit.Json;

/// <summary>The generated codecs do what System.Text.Json's serializer does with the same attributes.</summary>
public class JsonCodecTests
{
    public static IEnumerable<object[]> Names => JsonRoot.All.Select(r => new object[] { r.Name });

    private static JsonRoot Root(string name) => JsonRoot.All.Single(r => r.Name == name);

    private static string Reference(JsonRoot root, object? value) => JsonSerializer.Serialize(value, root.Type, root.Reference);

    [Theory]
    [MemberData(nameof(Names))]
    public void Writes_what_the_serializer_writes(string name)
    {
        JsonRoot root = Root(name);
        foreach (object value in (object[])[JsonSamples.Full(root.Type), JsonSamples.New(root.Type), JsonSamples.Empty(root.Type)])
        {
            string expected;
            try
            {
                expected = Reference(root, value);
            }
            catch (JsonException)
            {
                // Null where the type does not allow it.
                continue;
            }
            Assert.Equal(expected, Encoding.UTF8.GetString(root.Write(value)));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Reads_what_the_serializer_reads_and_refuses_the_rest_at_the_same_place(string name)
    {
        JsonRoot root = Root(name);
        string full = Reference(root, JsonSamples.Full(root.Type));
        Assert.Equal(full, Reference(root, root.Parse(Encoding.UTF8.GetBytes(full))));
        List<string> differences = [];
        foreach (string json in JsonSamples.Wrong(full))
        {
            Outcome expected = Outcome.Of(root, json, static (r, bytes) => JsonSerializer.Deserialize(bytes, r.Type, r.Reference));
            Outcome actual = Outcome.Of(root, json, static (r, bytes) => r.Parse(bytes));
            if (!expected.Matches(actual))
                differences.Add($"{Around(json, full)}\n  expected {Around(expected.ToString(), actual.ToString())}\n  actual   {Around(actual.ToString(), expected.ToString())}");
        }
        Assert.True(differences.Count == 0, $"{differences.Count} differences\n{string.Join('\n', differences.Take(3))}");
    }

    /// <summary>The part of a long text that begins to differ from another.</summary>
    private static string Around(string text, string other)
    {
        int at = text.AsSpan().CommonPrefixLength(other);
        return text[Math.Max(0, at - 60)..Math.Min(text.Length, at + 60)];
    }

    /// <summary>What came of a document: the value, written again, or where it was refused.</summary>
    private sealed record Outcome(string Value, string Path)
    {
        public static Outcome Of(JsonRoot root, string json, Func<JsonRoot, byte[], object?> parse)
        {
            try
            {
                return new(Reference(root, parse(root, Encoding.UTF8.GetBytes(json))), "");
            }
            catch (JsonException e)
            {
                return new($"refused at {e.LineNumber}:{e.BytePositionInLine}", e.Path!);
            }
        }

        /// <summary>The serializer's path ends at what it knows nothing of, and stays in a map after a value; a codec's does not.</summary>
        public bool Matches(Outcome other) =>
            Value == other.Value && (Path.StartsWith(other.Path, StringComparison.Ordinal) || other.Path.StartsWith(Path, StringComparison.Ordinal));
    }
}
