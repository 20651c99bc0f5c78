using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

/// <summary>A system call that failed: which one, on what, and why.</summary>
public sealed class LinuxException : IOException
{
    /// <summary>Makes an exception for <paramref name="call"/> on <paramref name="subject"/> (a path, a pid, …; may be empty).</summary>
    public LinuxException(string call, string subject, Errno errno)
        : base(subject.Length == 0 ? $"{call}: {errno.Text()}" : $"{call} {subject}: {errno.Text()}")
    {
        Call = call;
        Subject = subject;
        Errno = errno;
    }

    /// <summary>The system call's name, as in its manual page.</summary>
    public string Call { get; }

    /// <summary>What the call was about: a path, a pid, an interface; may be empty.</summary>
    public string Subject { get; }

    /// <summary>Why it failed.</summary>
    public Errno Errno { get; }

    /// <summary>The exception for the errno that the last call left behind.</summary>
    public static LinuxException Last(string call, string subject = "") =>
        new(call, subject, (Errno)Marshal.GetLastPInvokeError());

    /// <summary>Throws what the last call left behind if <paramref name="result"/> is negative; else gives it back.</summary>
    public static int Check(int result, string call, string subject = "") =>
        result < 0 ? throw Last(call, subject) : result;

    /// <inheritdoc cref="Check(int, string, string)"/>
    public static long Check(long result, string call, string subject = "") =>
        result < 0 ? throw Last(call, subject) : result;
}
