using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AotRuntime.Tests.Fuzz;

/// <summary>Changes inputs; the same seed makes the same changes.</summary>
internal sealed class Mutator(Random random)
{
    private static readonly byte[] s_bytes = [0, 1, 0x7f, 0x80, 0xff, (byte)'\n', (byte)'\r', (byte)' ', (byte)'"', (byte)'/', (byte)'.', (byte)'{', (byte)'}', (byte)'0', (byte)'9', (byte)'-'];

    private static readonly long[] s_numbers = [0, 1, -1, 2, 127, 128, 255, 256, 4095, 4096, 16384, 65535, 65536, int.MaxValue, int.MinValue, uint.MaxValue, long.MaxValue, long.MinValue];

    private static readonly string[] s_values =
    [
        "null", "true", "0", "-1", "1e400", "1.5", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551616", "4294967296", "\"\"", "\"\\u0000\"",
        "\"a\\u0000b\"", "\"../../..\"", "\"/\"", "\"..\"", "\"é\"", "[]", "{}", "[null]", "[[]]", "{\"\":null}", "\"-\"", "\"%s%n\"", "\"sha256:\"",
        "\"9999999999999999999999\"", "\"\\n\"", "[1,2,3]", "{\"a\":{\"a\":{\"a\":{}}}}",
    ];

    /// <summary>Other inputs of the target, for pieces to take over.</summary>
    public List<byte[]> Others { get; } = [];

    public Random Random => random;

    /// <summary>One to eight small changes.</summary>
    public byte[] Bytes(byte[] seed, IReadOnlyList<string> words)
    {
        List<byte> data = [.. seed];
        for (int i = 1 << random.Next(4); i > 0; i--)
            Change(data, words);
        if (data.Count > 1 << 17)
            data.RemoveRange(1 << 17, data.Count - (1 << 17));
        return [.. data];
    }

    private void Change(List<byte> data, IReadOnlyList<string> words)
    {
        int at = random.Next(data.Count + 1);
        int left = data.Count - at;
        switch (random.Next(11))
        {
            case 0 when left > 0:
                data[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1 when left > 0:
                data[at] = s_bytes[random.Next(s_bytes.Length)];
                break;
            case 2 when left > 0:
                data[at] = (byte)random.Next(256);
                break;
            case 3:
                byte[] some = new byte[random.Next(1, 9)];
                random.NextBytes(some);
                data.InsertRange(at, some);
                break;
            case 4 when left > 0:
                data.RemoveRange(at, random.Next(1, Math.Min(left, 64) + 1));
                break;
            case 5 when left > 0:
                byte[] piece = [.. data.GetRange(at, random.Next(1, Math.Min(left, 512) + 1))];
                data.InsertRange(random.Next(data.Count + 1), piece);
                break;
            case 6 when Others.Count > 0:
                byte[] other = Others[random.Next(Others.Count)];
                int from = random.Next(other.Length + 1);
                data.InsertRange(at, other[from..Math.Min(other.Length, from + random.Next(1, 600))]);
                break;
            case 7 when words.Count > 0:
            case 8 when words.Count > 0:
                byte[] word = Encoding.UTF8.GetBytes(words[random.Next(words.Count)]);
                if (random.Next(2) == 0)
                    data.RemoveRange(at, Math.Min(left, word.Length));
                data.InsertRange(at, word);
                break;
            case 9 when left >= 4:
                Span<byte> number = stackalloc byte[8];
                long value = s_numbers[random.Next(s_numbers.Length)];
                int size = left >= 8 ? 1 << random.Next(4) : 1 << random.Next(3);
                BinaryPrimitives.WriteInt64LittleEndian(number, value);
                number = number[..size];
                if (random.Next(2) == 0)
                    number.Reverse();
                for (int i = 0; i < size; i++)
                    data[at + i] = number[i];
                break;
            case 10 when data.Count > 0 && random.Next(4) == 0:
                data.RemoveRange(at, left);
                break;
        }
    }

    /// <summary>Changes values and members of a JSON document and leaves it one; now and then it changes bytes.</summary>
    public byte[] Json(byte[] seed, IReadOnlyList<string> words)
    {
        JsonNode? root;
        try
        {
            root = random.Next(5) == 0 ? null : JsonNode.Parse(seed);
        }
        catch (JsonException)
        {
            root = null;
        }
        if (root is null)
            return Bytes(seed, words);
        try
        {
            for (int i = 1 << random.Next(3); i > 0; i--)
                root = ChangeNode(root, words);
            return Encoding.UTF8.GetBytes(root?.ToJsonString() ?? "null");
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            // Text that a document cannot hold, or members of one name, from an earlier change.
            return Bytes(seed, words);
        }
    }

    private JsonNode? ChangeNode(JsonNode? root, IReadOnlyList<string> words)
    {
        List<(JsonNode Parent, string? Name, int Index)> places = [];
        Collect(root, places);
        if (places.Count == 0)
            return Value(words);
        (JsonNode parent, string? name, int index) = places[random.Next(places.Count)];
        try
        {
            switch (random.Next(6))
            {
                case 0 when parent is JsonArray array && array.Count < 100:
                    array.Insert(index, random.Next(2) == 0 ? array[index]?.DeepClone() : Value(words));
                    break;
                case 1 when parent is JsonObject o:
                    o.Remove(name!);
                    break;
                case 2 when parent is JsonArray array:
                    array.RemoveAt(index);
                    break;
                case 3 when parent is JsonObject o:
                    o[words.Count > 0 ? words[random.Next(words.Count)] : "x"] = Value(words);
                    break;
                case 4:
                    // Another place's value, of whatever kind that is.
                    (JsonNode p2, string? n2, int i2) = places[random.Next(places.Count)];
                    Put(parent, name, index, (n2 is null ? p2[i2] : p2[n2])?.DeepClone());
                    break;
                default:
                    Put(parent, name, index, Value(words));
                    break;
            }
        }
        catch (InvalidOperationException)
        {
            // A duplicate member makes a document that cannot be changed this way.
        }
        return root;
    }

    private static void Put(JsonNode parent, string? name, int index, JsonNode? value)
    {
        if (name is null)
            parent[index] = value;
        else
            parent[name] = value;
    }

    private JsonNode? Value(IReadOnlyList<string> words) =>
        words.Count > 0 && random.Next(3) == 0 ? JsonValue.Create(words[random.Next(words.Count)]) : Parsed(s_values[random.Next(s_values.Length)]);

    private static JsonNode? Parsed(string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return text;
        }
    }

    private static void Collect(JsonNode? node, List<(JsonNode, string?, int)> places)
    {
        if (node is JsonObject o)
        {
            foreach ((string name, JsonNode? child) in o)
            {
                places.Add((o, name, 0));
                Collect(child, places);
            }
        }
        else if (node is JsonArray array)
        {
            for (int i = 0; i < array.Count; i++)
            {
                places.Add((array, null, i));
                Collect(array[i], places);
            }
        }
    }
}
