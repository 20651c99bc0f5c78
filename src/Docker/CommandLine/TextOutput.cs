using System.Buffers;
using System.Text;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Docker.CommandLine;

/// <summary>A standard stream, written at once and without System.Console, whose set-up a short command would feel.</summary>
public sealed class TextOutput(int file)
{
    private const int ExitBySigPipe = 128 + 13;
    private readonly SafeFileHandle _file = new(file, ownsHandle: false);
    private readonly Lock _lock = new();

    /// <summary>Its descriptor.</summary>
    public int File { get; } = file;

    /// <summary>Writes text as UTF-8.</summary>
    public void Write(string text)
    {
        byte[] bytes = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        int length = Encoding.UTF8.GetBytes(text, bytes);
        try
        {
            Write(bytes.AsSpan(0, length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    /// <summary>Writes bytes.</summary>
    /// <exception cref="CommandException">Nobody reads any more: the command ends as if by SIGPIPE.</exception>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            try
            {
                Sys.WriteAll(_file, bytes);
            }
            catch (LinuxException e) when (e.Errno == Errno.EPIPE)
            {
                throw new CommandException("", ExitBySigPipe);
            }
        }
    }
}
