using System.Runtime.InteropServices;

namespace AotRuntime.Tests.Functional.Security;

/// <summary>Swaps two names as fast as the kernel can, while something else is using one of them.</summary>
internal sealed partial class RenameExchange : IDisposable
{
    private const int AT_FDCWD = -100;
    private const uint RENAME_EXCHANGE = 2;
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _thread;

    public RenameExchange(string one, string other)
    {
        _thread = new Thread(() =>
        {
            while (!_stop.IsCancellationRequested)
                Assert.Equal(0, renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE));
        });
        _thread.Start();
    }

    public void Dispose()
    {
        _stop.Cancel();
        _thread.Join();
        _stop.Dispose();
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int renameat2(int oldDirectory, string oldPath, int newDirectory, string newPath, uint flags);
}
