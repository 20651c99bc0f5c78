using AotRuntime.Docker.CommandLine;

namespace AotRuntime.Docker.Terminals;

/// <summary>
/// Watches what is typed for the keys that detach (Ctrl-P, Ctrl-Q unless told otherwise). Keys that may begin the sequence are held back
/// until it is known that they don't, and then sent on.
/// </summary>
public sealed class DetachKeys(byte[] sequence)
{
    private static readonly byte[] s_default = [16, 17];
    private int _matched;

    /// <summary>A watcher for <paramref name="text"/>; the default keys where it is empty.</summary>
    /// <exception cref="CommandException">The text names no keys.</exception>
    public static DetachKeys Of(string text) => new(text.Length == 0 ? s_default : Parse(text));

    /// <summary>Reads <c>ctrl-p,ctrl-q</c>, <c>a,b</c>: single letters, and ctrl- with a letter or one of <c>@[\]^_</c>.</summary>
    public static byte[] Parse(string text)
    {
        string[] keys = text.Split(',');
        byte[] bytes = new byte[keys.Length];
        for (int i = 0; i < keys.Length; i++)
        {
            string key = keys[i];
            if (key.Length == 1 && key[0] < 0x80)
                bytes[i] = (byte)key[0];
            else if (key.StartsWith("ctrl-", StringComparison.OrdinalIgnoreCase) && key.Length == 6 && Control(key[5]) is { } control)
                bytes[i] = control;
            else
                throw new CommandException($"unknown character: '{key}'");
        }
        return bytes;
    }

    private static byte? Control(char key) => char.ToLowerInvariant(key) switch
    {
        >= 'a' and <= 'z' and char letter => (byte)(letter - 'a' + 1),
        '@' => 0,
        '[' => 27,
        '\\' => 28,
        ']' => 29,
        '^' => 30,
        '_' => 31,
        _ => null,
    };

    /// <summary>Copies what is to be sent from <paramref name="typed"/> to <paramref name="sent"/>; true once the sequence is complete.</summary>
    public bool Filter(ReadOnlySpan<byte> typed, List<byte> sent)
    {
        foreach (byte key in typed)
        {
            if (key == sequence[_matched])
            {
                if (++_matched == sequence.Length)
                    return true;
                continue;
            }
            for (int i = 0; i < _matched; i++)
                sent.Add(sequence[i]);
            _matched = 0;
            if (key == sequence[0])
                _matched = 1;
            else
                sent.Add(key);
        }
        return false;
    }
}
