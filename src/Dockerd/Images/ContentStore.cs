using System.IO.Pipelines;
using AotRuntime.Images;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Content;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Dockerd.Images;

/// <summary>containerd's content store: blobs by digest, written through ingests that only a matching digest commits.</summary>
internal sealed class ContentStore(ContainerdCalls calls)
{
    /// <summary>Whether a blob is here.</summary>
    public async ValueTask<bool> ContainsAsync(Digest digest, CancellationToken cancellationToken) =>
        await calls.FindAsync(ContentMethods.Info, new InfoRequest { Digest = digest.ToString() }, cancellationToken).ConfigureAwait(false) is not null;

    /// <summary>A small blob whole; null where it is not here, or larger than <paramref name="limit"/>.</summary>
    public async ValueTask<byte[]?> ReadAllAsync(Digest digest, int limit, CancellationToken cancellationToken)
    {
        using MemoryStream content = new();
        try
        {
            await using RpcCall<ReadContentRequest, ReadContentResponse> call = await OpenReadAsync(digest, cancellationToken).ConfigureAwait(false);
            while (await call.ReadAsync(cancellationToken).ConfigureAwait(false) is { } piece)
            {
                if (content.Length + piece.Data.Length > limit)
                    return null;
                content.Write(piece.Data.Span);
            }
        }
        catch (RpcException error) when (error.Status == RpcStatus.NotFound)
        {
            return null;
        }
        return content.ToArray();
    }

    /// <summary>Writes a blob to a pipe, and completes it.</summary>
    public async Task CopyToAsync(Digest digest, PipeWriter target, CancellationToken cancellationToken)
    {
        Exception? failure = null;
        try
        {
            await using RpcCall<ReadContentRequest, ReadContentResponse> call = await OpenReadAsync(digest, cancellationToken).ConfigureAwait(false);
            while (await call.ReadAsync(cancellationToken).ConfigureAwait(false) is { } piece)
            {
                FlushResult flush = await target.WriteAsync(piece.Data.Memory, cancellationToken).ConfigureAwait(false);
                if (flush.IsCompleted)
                    break;
            }
        }
        catch (Exception error)
        {
            failure = error;
        }
        await target.CompleteAsync(failure).ConfigureAwait(false);
    }

    /// <summary>Writes a small blob with its labels; one that is here gets the labels.</summary>
    public async ValueTask WriteAsync(string reference, Descriptor descriptor, byte[] content, Dictionary<string, string> labels, CancellationToken cancellationToken)
    {
        await using ContentWriter? writer = await OpenWriterAsync(reference, descriptor, cancellationToken).ConfigureAwait(false);
        if (writer is null)
        {
            await SetLabelsAsync(descriptor.Digest, labels, cancellationToken).ConfigureAwait(false);
            return;
        }
        await writer.WriteAsync(content, cancellationToken).ConfigureAwait(false);
        await writer.CommitAsync(labels, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Adds labels to a blob.</summary>
    public async ValueTask SetLabelsAsync(Digest digest, Dictionary<string, string> labels, CancellationToken cancellationToken)
    {
        UpdateRequest request = new() { Info = new Info { Digest = digest.ToString() }, UpdateMask = new FieldMask() };
        foreach ((string name, string value) in labels)
        {
            request.Info.Labels[name] = value;
            request.UpdateMask.Paths.Add($"labels.{name}");
        }
        await calls.UnaryAsync(ContentMethods.Update, request, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Begins a blob; null where it is here already. What an earlier attempt left of it is dropped.</summary>
    public async ValueTask<ContentWriter?> OpenWriterAsync(string reference, Descriptor descriptor, CancellationToken cancellationToken)
    {
        if (await ContainsAsync(descriptor.Digest, cancellationToken).ConfigureAwait(false))
            return null;
        await AbortAsync(reference, cancellationToken).ConfigureAwait(false);
        RpcCall<WriteContentRequest, WriteContentResponse> call = await calls.Channel.OpenAsync(ContentMethods.Write, calls.Options, cancellationToken).ConfigureAwait(false);
        try
        {
            await call.WriteAsync(
                new WriteContentRequest { Action = WriteAction.Stat, Ref = reference, Total = descriptor.Size, Expected = descriptor.Digest.ToString() },
                cancellationToken).ConfigureAwait(false);
            WriteContentResponse status = await call.ReadAsync(cancellationToken).ConfigureAwait(false) ?? throw Ended();
            if (status.Offset == descriptor.Size && descriptor.Size > 0)
            {
                // Another namespace has the blob: containerd shares it with this one upon the commit.
                await using ContentWriter shared = new(this, call, reference, descriptor, descriptor.Size);
                await shared.CommitAsync([], cancellationToken).ConfigureAwait(false);
                return null;
            }
            if (status.Offset != 0)
                throw new RpcException(RpcStatus.Aborted, $"ingest {reference} does not start anew");
            return new ContentWriter(this, call, reference, descriptor, 0);
        }
        catch (RpcException error) when (error.Status == RpcStatus.AlreadyExists)
        {
            await call.DisposeAsync().ConfigureAwait(false);
            return null;
        }
        catch
        {
            await call.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Drops an ingest; it is no error if there is none.</summary>
    public async ValueTask AbortAsync(string reference, CancellationToken cancellationToken) =>
        await calls.FindAsync(ContentMethods.Abort, new AbortRequest { Ref = reference }, cancellationToken).ConfigureAwait(false);

    internal static RpcException Ended() => new(RpcStatus.Unavailable, "containerd ended the write");

    private ValueTask<RpcCall<ReadContentRequest, ReadContentResponse>> OpenReadAsync(Digest digest, CancellationToken cancellationToken) =>
        OpenAndAskAsync(new ReadContentRequest { Digest = digest.ToString() }, cancellationToken);

    private async ValueTask<RpcCall<ReadContentRequest, ReadContentResponse>> OpenAndAskAsync(ReadContentRequest request, CancellationToken cancellationToken)
    {
        RpcCall<ReadContentRequest, ReadContentResponse> call = await calls.Channel.OpenAsync(ContentMethods.Read, calls.Options, cancellationToken).ConfigureAwait(false);
        await call.WriteAsync(request, cancellationToken).ConfigureAwait(false);
        await call.CompleteAsync().ConfigureAwait(false);
        return call;
    }
}

/// <summary>
/// A blob being written. Answers come for each write; they are read beside, so that writing never waits for them. Disposing without a commit
/// drops the ingest.
/// </summary>
internal sealed class ContentWriter : IAsyncDisposable
{
    private const int MaxPiece = 1 << 20;
    private readonly ContentStore _store;
    private readonly RpcCall<WriteContentRequest, WriteContentResponse> _call;
    private readonly string _reference;
    private readonly Descriptor _descriptor;
    private readonly Task<WriteContentResponse?> _answers;
    private long _offset;
    private bool _committed;

    internal ContentWriter(
        ContentStore store, RpcCall<WriteContentRequest, WriteContentResponse> call, string reference, Descriptor descriptor, long offset)
    {
        (_store, _call, _reference, _descriptor, _offset) = (store, call, reference, descriptor, offset);
        _answers = ReadAnswersAsync();
    }

    /// <summary>Appends bytes; the memory is free again afterwards.</summary>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        while (!data.IsEmpty)
        {
            if (_answers.IsCompleted)
                throw await EndedAsync().ConfigureAwait(false);
            ReadOnlyMemory<byte> piece = data[..Math.Min(data.Length, MaxPiece)];
            await _call.WriteAsync(
                new WriteContentRequest { Action = WriteAction.Write, Ref = _reference, Offset = _offset, Data = UnsafeByteOperations.UnsafeWrap(piece) },
                cancellationToken).ConfigureAwait(false);
            _offset += piece.Length;
            data = data[piece.Length..];
        }
    }

    /// <summary>Makes the blob visible under its digest, which containerd checks once more.</summary>
    public async ValueTask CommitAsync(Dictionary<string, string> labels, CancellationToken cancellationToken)
    {
        WriteContentRequest request = new()
        {
            Action = WriteAction.Commit,
            Ref = _reference,
            Offset = _offset,
            Total = _descriptor.Size,
            Expected = _descriptor.Digest.ToString(),
        };
        request.Labels.Add(labels);
        try
        {
            await _call.WriteAsync(request, cancellationToken).ConfigureAwait(false);
            await _call.CompleteAsync().ConfigureAwait(false);
            WriteContentResponse last = await _answers.ConfigureAwait(false) ?? throw ContentStore.Ended();
            if (last.Action != WriteAction.Commit)
                throw ContentStore.Ended();
        }
        catch (RpcException error) when (error.Status == RpcStatus.AlreadyExists)
        {
            // Someone else wrote the same bytes meanwhile.
        }
        _committed = true;
    }

    private async Task<WriteContentResponse?> ReadAnswersAsync()
    {
        WriteContentResponse? last = null;
        while (await _call.ReadAsync().ConfigureAwait(false) is { } answer)
        {
            last = answer;
            if (answer.Action == WriteAction.Commit)
                break;
        }
        return last;
    }

    private async ValueTask<Exception> EndedAsync()
    {
        try
        {
            await _answers.ConfigureAwait(false);
            return ContentStore.Ended();
        }
        catch (RpcException error)
        {
            return error;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _call.DisposeAsync().ConfigureAwait(false);
        try
        {
            await _answers.ConfigureAwait(false);
        }
        catch (Exception error) when (error is RpcException or OperationCanceledException or IOException)
        {
            // The write's own failure was reported where it happened; this is its echo.
        }
        if (!_committed)
            await _store.AbortAsync(_reference, CancellationToken.None).ConfigureAwait(false);
    }
}
