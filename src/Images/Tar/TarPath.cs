using System.Text;

namespace AotRuntime.Images.Tar;

/// <summary>Paths inside a layer, as bytes.</summary>
public static class TarPath
{
    /// <summary>
    /// The path in its shortest form relative to the root (Go's path.Clean after leading slashes): no <c>.</c>, no empty part, <c>..</c>
    /// taken back; null where it leads out of the root. Empty for the root itself.
    /// </summary>
    public static byte[]? Clean(ReadOnlySpan<byte> name)
    {
        byte[] buffer = new byte[name.Length];
        int length = 0;
        foreach (Range range in name.Split((byte)'/'))
        {
            ReadOnlySpan<byte> part = name[range];
            if (part.IsEmpty || part.SequenceEqual("."u8))
                continue;
            if (part.SequenceEqual(".."u8))
            {
                if (length == 0)
                    return null;
                length = Math.Max(0, buffer.AsSpan(0, length).LastIndexOf((byte)'/'));
                continue;
            }
            if (length > 0)
                buffer[length++] = (byte)'/';
            part.CopyTo(buffer.AsSpan(length));
            length += part.Length;
        }
        return buffer[..length];
    }

    /// <summary>Splits a clean path at its last slash.</summary>
    public static void Split(ReadOnlySpan<byte> path, out ReadOnlySpan<byte> parent, out ReadOnlySpan<byte> name)
    {
        int slash = path.LastIndexOf((byte)'/');
        parent = slash < 0 ? default : path[..slash];
        name = path[(slash + 1)..];
    }

    /// <summary>The path for a message.</summary>
    public static string Display(ReadOnlySpan<byte> path) => Encoding.UTF8.GetString(path);

    /// <summary>The path with its NUL, for a system call.</summary>
    public static byte[] Terminate(ReadOnlySpan<byte> path) => [.. path, 0];
}
