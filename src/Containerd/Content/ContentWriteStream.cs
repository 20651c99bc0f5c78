namespace AotRuntime.Containerd;

/// <summary>A content write as a stream. Closing it neither commits nor ends the write.</summary>
internal sealed class ContentWriteStream(ContentWrite write) : WriteOnlyStream
{
    public override void Write(ReadOnlySpan<byte> buffer) => write.Write(buffer);
}
