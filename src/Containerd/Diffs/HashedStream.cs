using AotRuntime.Digests;

namespace AotRuntime.Containerd.Diffs;

/// <summary>Passes bytes on to <paramref name="inner"/>, which it closes, and hashes them on the way.</summary>
internal sealed class HashedStream(Stream inner, Sha2Hash hash) : WriteOnlyStream
{
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        hash.Append(buffer);
        inner.Write(buffer);
    }

    public override async ValueTask DisposeAsync()
    {
        await inner.DisposeAsync().ConfigureAwait(false);
        await base.DisposeAsync().ConfigureAwait(false);
    }
}
