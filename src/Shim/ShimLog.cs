using AotRuntime.Linux;
using AotRuntime.Logging;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Shim;

/// <summary>What the shim tells containerd's log.</summary>
internal static partial class ShimLog
{
    /// <summary>
    /// Lines go through the FIFO <c>log</c> in the bundle, which containerd reads. Nobody is waited for: with no reader the FIFO
    /// fills up, and then lines are dropped.
    /// </summary>
    public static ILogger Open(bool debug)
    {
        Stream output = Stream.Null;
        try
        {
            if (File.Exists("log"))
                output = new FifoStream(Sys.Open("log", OpenFlags.ReadWrite | OpenFlags.NonBlock));
        }
        catch (LinuxException)
        {
            // A shim without a log serves all the same.
            output = Stream.Null;
        }
        return Log.Create(options: new LogOptions { Output = output, Level = debug ? LogLevel.Debug : LogLevel.Information });
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "serving api on socket")]
    public static partial void Serving(ILogger log);

    [LoggerMessage(Level = LogLevel.Debug, Message = "shim disconnected")]
    public static partial void Stopped(ILogger log);

    [LoggerMessage(Level = LogLevel.Warning, Message = "event {Topic} waits: {Reason}")]
    public static partial void EventWaits(ILogger log, string topic, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "event {Topic} dropped: {Reason}")]
    public static partial void EventDropped(ILogger log, string topic, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Id}: {Message}")]
    public static partial void Failed(ILogger log, string id, string message, Exception? error = null);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Id}: {Message}")]
    public static partial void Problem(ILogger log, string id, string message, Exception? error = null);

    private sealed class FifoStream(SafeFileHandle fifo) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (Sys.TryWrite(fifo, buffer, out Errno errno) < 0)
                throw new LinuxException("write", "log", errno);
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
