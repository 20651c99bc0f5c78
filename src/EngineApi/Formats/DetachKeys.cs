namespace AotRuntime.EngineApi;

/// <summary>The keys that leave a terminal: <c>ctrl-p,ctrl-q</c> unless told otherwise.</summary>
public static class DetachKeys
{
    /// <summary>Docker's default.</summary>
    public const string Default = "ctrl-p,ctrl-q";

    /// <summary>Bytes of a comma-separated list of single characters and <c>ctrl-</c> combinations (a–z, @, [, \, ], ^, _); empty gives none.</summary>
    /// <exception cref="FormatException">A key is neither; the text is Docker's.</exception>
    public static byte[] Parse(string keys)
    {
        if (keys.Length == 0)
            return [];
        List<byte> bytes = [];
        foreach (string key in keys.Split(','))
        {
            if (key.Length == 1 && key[0] < 128)
                bytes.Add((byte)key[0]);
            else if (key == "DEL")
                bytes.Add(127);
            else if (key.Length == 6 && key.StartsWith("ctrl-", StringComparison.Ordinal) && key[5] is (>= 'a' and <= 'z') or (>= '@' and <= '_') && key[5] is not (>= 'A' and <= 'Z'))
                bytes.Add((byte)(key[5] & 0x1f));
            else
                throw new FormatException($"Unknown character: '{key}'");
        }
        return [.. bytes];
    }
}

/// <summary>Finds a key sequence in a stream of typed bytes, holding back what may be its beginning.</summary>
public sealed class DetachScanner(byte[] keys)
{
    private int _matched;

    /// <summary>Passes <paramref name="input"/> on to <paramref name="output"/> without the sequence; true once it was typed in full.</summary>
    public bool Scan(ReadOnlySpan<byte> input, System.Buffers.IBufferWriter<byte> output)
    {
        if (keys.Length == 0)
        {
            System.Buffers.BuffersExtensions.Write(output, input);
            return false;
        }
        foreach (byte b in input)
        {
            if (b == keys[_matched])
            {
                if (++_matched == keys.Length)
                    return true;
                continue;
            }
            if (_matched > 0)
            {
                System.Buffers.BuffersExtensions.Write(output, keys.AsSpan(0, _matched));
                _matched = 0;
                if (b == keys[0])
                {
                    _matched = 1;
                    if (keys.Length == 1)
                        return true;
                    continue;
                }
            }
            output.GetSpan(1)[0] = b;
            output.Advance(1);
        }
        return false;
    }
}
