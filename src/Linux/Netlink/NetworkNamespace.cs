using System.Runtime.ExceptionServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux.Netlink;

/// <summary>Does things in another network namespace.</summary>
public static class NetworkNamespace
{
    private const int CLONE_NEWNET = 0x40000000;

    /// <summary>
    /// Runs <paramref name="action"/> on a thread of its own that has joined <paramref name="ns"/> and ends afterwards, so that no
    /// pooled thread can ever be left in a foreign namespace.
    /// </summary>
    public static T Run<T>(SafeFileHandle ns, Func<T> action)
    {
        T result = default!;
        ExceptionDispatchInfo? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                Sys.SetNs(ns, CLONE_NEWNET, "net");
                result = action();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        }, maxStackSize: 256 * 1024);
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result;
    }

    /// <summary>The network namespace of a process.</summary>
    public static SafeFileHandle Of(int pid) => File.OpenHandle($"/proc/{pid}/ns/net");
}
