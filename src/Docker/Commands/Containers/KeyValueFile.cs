using System.Text;
using AotRuntime.Docker.CommandLine;

namespace AotRuntime.Docker.Commands.Containers;

/// <summary>Files of <c>key=value</c> lines: <c>--env-file</c> and <c>--label-file</c>.</summary>
public static class KeyValueFile
{
    private const int LongestLine = 64 * 1024;

    /// <summary>
    /// The pairs of <paramref name="files"/>, then <paramref name="more"/>. A name without a value takes it from
    /// <paramref name="lookUp"/>, and is left out where that has none.
    /// </summary>
    public static List<string> Read(IEnumerable<string> files, IEnumerable<string> more, Func<string, string?> lookUp)
    {
        List<string> pairs = [];
        foreach (string file in files)
        {
            byte[] bytes;
            try
            {
                bytes = File.ReadAllBytes(file);
            }
            catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
            {
                throw new CommandException($"open {file}: no such file or directory");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new CommandException($"open {file}: {e.Message}");
            }
            try
            {
                Parse(bytes, lookUp, pairs);
            }
            catch (FlagValueException e)
            {
                throw new CommandException($"invalid env file ({file}): {e.Message}");
            }
        }
        pairs.AddRange(more);
        return pairs;
    }

    /// <summary>Appends the pairs in <paramref name="bytes"/>.</summary>
    public static void Parse(ReadOnlySpan<byte> bytes, Func<string, string?> lookUp, List<string> pairs)
    {
        UTF8Encoding strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
        int number = 0;
        if (bytes.StartsWith("\ufeff"u8))
            bytes = bytes[3..];
        foreach (Range range in bytes.Split((byte)'\n'))
        {
            number++;
            ReadOnlySpan<byte> raw = bytes[range];
            if (raw.EndsWith("\r"u8))
                raw = raw[..^1];
            if (raw.Length > LongestLine)
                throw new FlagValueException("bufio.Scanner: token too long");
            string line;
            try
            {
                line = strict.GetString(raw).TrimStart();
            }
            catch (DecoderFallbackException)
            {
                throw new FlagValueException($"invalid utf8 bytes at line {number}: [{string.Join(' ', raw.ToArray())}]");
            }
            if (line.Length == 0 || line[0] == '#')
                continue;
            int equals = line.IndexOf('=');
            string key = equals < 0 ? line : line[..equals];
            if (key.Length == 0)
                throw new FlagValueException($"no variable name on line '{line}'");
            if (key.AsSpan().IndexOfAny(' ', '\t') >= 0)
                throw new FlagValueException($"variable '{key}' contains whitespaces");
            if (equals >= 0)
                pairs.Add(line);
            else if (lookUp(key) is { } value)
                pairs.Add($"{key}={value}");
        }
    }
}
