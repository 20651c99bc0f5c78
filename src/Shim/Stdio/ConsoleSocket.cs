using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Shim.Stdio;

/// <summary>The socket over which the runtime hands out a terminal's master (<c>--console-socket</c>).</summary>
internal sealed class ConsoleSocket : IDisposable
{
    private readonly DirectoryInfo _folder;
    private readonly SafeFileHandle _listener;

    /// <summary>Listens in a folder of its own that only root may enter. Not in the bundle, whose path may be too long for a socket.</summary>
    public ConsoleSocket()
    {
        _folder = Directory.CreateTempSubdirectory("pty");
        Path = System.IO.Path.Combine(_folder.FullName, "pty.sock");
        try
        {
            _listener = Sys.ListenUnix(Path, backlog: 1);
        }
        catch (LinuxException)
        {
            _folder.Delete(recursive: true);
            throw;
        }
    }

    /// <summary>The socket's path.</summary>
    public string Path { get; }

    /// <summary>The master that was sent; null where none came in time.</summary>
    public SafeFileHandle? Receive(int timeoutMilliseconds)
    {
        if (Sys.Poll(_listener, EpollEvents.In, timeoutMilliseconds) == EpollEvents.None)
            return null;
        using SafeFileHandle connection = Sys.Accept(_listener);
        return Sys.Poll(connection, EpollEvents.In, timeoutMilliseconds) == EpollEvents.None ? null : Sys.ReceiveDescriptor(connection);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _listener.Dispose();
        if (_folder.Exists)
            _folder.Delete(recursive: true);
    }
}
