using System.Buffers;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Content;
using AotRuntime.Rpc.Containerd.Events;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Win32.SafeHandles;
using OciDescriptor = AotRuntime.Rpc.Containerd.Types.OciDescriptor;

namespace AotRuntime.Containerd;

/// <summary>containerd.services.content.v1: blobs, each visible in the namespaces that wrote or fetched it.</summary>
internal sealed class ContentService(MetadataStore metadata, ContentStore store, EventExchange events, GarbageCollector collector)
{
    // As containerd's own; a gRPC message may have 4 MiB before clients refuse it.
    private const int ReadChunk = 1 << 20;
    private const int ListChunk = 100;

    public void Register(RpcServiceTable table)
    {
        table.Unary(ContentMethods.Info, (r, c) => new InfoResponse { Info = Find(CallScope.Namespace(c), r.Digest) });
        table.Unary(ContentMethods.Update, (r, c) => Update(r, c));
        table.ServerStream(ContentMethods.List, ListAsync);
        table.Unary(ContentMethods.Delete, (r, c) => Delete(r, c));
        table.ServerStream(ContentMethods.Read, ReadAsync);
        table.Unary(ContentMethods.Status, (r, c) => Status(r, c));
        table.Unary(ContentMethods.ListStatuses, (r, c) => ListStatuses(r, c));
        table.Duplex(ContentMethods.Write, WriteAsync);
        table.Unary(ContentMethods.Abort, (r, c) => Abort(r, c));
    }

    public Info Find(string ns, string digest)
    {
        ContentDigest.Check(digest);
        return metadata.Database.Read(s => metadata.Content.Get(s, ns, digest)) ?? throw NotFound(digest);
    }

    public UpdateResponse Update(UpdateRequest request, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        string digest = request.Info?.Digest ?? "";
        ContentDigest.Check(digest);
        Info updated = metadata.Database.Write(session =>
        {
            Info info = metadata.Content.Get(session, ns, digest) ?? throw NotFound(digest);
            if (request.UpdateMask is null || request.UpdateMask.Paths.Count == 0)
            {
                Labels.Replace(info.Labels, request.Info!.Labels);
            }
            else
            {
                foreach (string path in request.UpdateMask.Paths)
                {
                    if (!Labels.ApplyPath(path, info.Labels, request.Info!.Labels))
                        throw ContainerdError.InvalidArgument($"cannot update \"{path}\" field on content info \"{digest}\"");
                }
            }
            Labels.Check(info.Labels);
            info.UpdatedAt = Labels.Now();
            metadata.Content.Update(session, ns, digest, info);
            return info;
        });
        return new UpdateResponse { Info = updated };
    }

    public async ValueTask ListAsync(ListContentRequest request, IRpcWriter<ListContentResponse> writer, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        Filter filter = Filter.Parse(request.Filters);
        ListContentResponse block = new();
        foreach (Info info in metadata.Database.Read(s => metadata.Content.List(s, ns)))
        {
            if (!filter.Matches(path => InfoField(info, path)))
                continue;
            block.Info.Add(info);
            if (block.Info.Count == ListChunk)
            {
                await writer.WriteAsync(block, context.Cancelled).ConfigureAwait(false);
                block = new ListContentResponse();
            }
        }
        if (block.Info.Count > 0)
            await writer.WriteAsync(block, context.Cancelled).ConfigureAwait(false);
    }

    public Empty Delete(DeleteContentRequest request, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        if (ContentDigest.Problem(request.Digest) is { } problem)
            throw new RpcException(RpcStatus.InvalidArgument, problem);
        metadata.Database.Write(session =>
        {
            if (!metadata.Content.Delete(session, ns, request.Digest))
                throw NotFound(request.Digest);
            MetadataStore.RemoveFromLease(session, ns, null, "content", request.Digest);
        });
        events.Publish(ns, "/content/delete", TypeUrls.ContentDelete, new ContentDelete { Digest = request.Digest });
        collector.Schedule();
        return new Empty();
    }

    public async ValueTask ReadAsync(ReadContentRequest request, IRpcWriter<ReadContentResponse> writer, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        if (ContentDigest.Problem(request.Digest) is { } problem)
            throw new RpcException(RpcStatus.InvalidArgument, $"{request.Digest}: {problem}");
        Info info = Find(ns, request.Digest);
        long offset = Math.Max(0, request.Offset);
        if (offset > info.Size)
            throw new RpcException(RpcStatus.OutOfRange, $"read past object length {info.Size} bytes");
        long left = request.Size <= 0 ? info.Size - offset : Math.Min(request.Size, info.Size - offset);

        using SafeFileHandle file = store.OpenRead(request.Digest);
        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(ReadChunk, Math.Max(left, 1)));
        try
        {
            // containerd counts the response's offsets from the start of what was asked for.
            long sent = 0;
            while (left > 0)
            {
                int n = RandomAccess.Read(file, buffer.AsSpan(0, (int)Math.Min(Math.Min(ReadChunk, buffer.Length), left)), offset + sent);
                if (n == 0)
                    throw new RpcException(RpcStatus.DataLoss, $"content {request.Digest} ends {left} bytes early");
                await writer.WriteAsync(
                    new ReadContentResponse { Offset = sent, Data = UnsafeByteOperations.UnsafeWrap(buffer.AsMemory(0, n)) },
                    context.Cancelled).ConfigureAwait(false);
                sent += n;
                left -= n;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public StatusResponse Status(StatusRequest request, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        IngestStatus status = store.Status(IngestKey(ns, request.Ref))
            ?? throw ContainerdError.NotFound($"could not get status for ref \"{request.Ref}\": reference {request.Ref}");
        return new StatusResponse { Status = ToMessage(status, request.Ref) };
    }

    public ListStatusesResponse ListStatuses(ListStatusesRequest request, RpcContext context)
    {
        string prefix = IngestKey(CallScope.Namespace(context), "");
        Filter filter = Filter.Parse(request.Filters);
        ListStatusesResponse response = new();
        foreach (IngestStatus status in store.Ingests())
        {
            if (!status.Key.StartsWith(prefix, StringComparison.Ordinal))
                continue;
            string reference = status.Key[prefix.Length..];
            if (filter.Matches(path => path is ["ref"] && reference.Length > 0 ? reference : null))
                response.Statuses.Add(ToMessage(status, reference));
        }
        return response;
    }

    public Empty Abort(AbortRequest request, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        metadata.Database.Write(s => MetadataStore.RemoveFromLease(s, ns, null, "ingests", request.Ref));
        if (!store.Abort(IngestKey(ns, request.Ref)))
            throw ContainerdError.NotFound($"reference {request.Ref}");
        return new Empty();
    }

    /// <summary>
    /// One write: STAT, WRITE and COMMIT messages in turn, each answered with where the write now stands. Ending the stream without a
    /// commit keeps what was written.
    /// </summary>
    public async ValueTask WriteAsync(IRpcReader<WriteContentRequest> reader, IRpcWriter<WriteContentResponse> writer, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        string? lease = CallScope.Lease(context);
        WriteContentRequest? request = await reader.ReadAsync(context.Cancelled).ConfigureAwait(false);
        if (request is null)
            return;
        if (request.Ref.Length == 0)
            throw new RpcException(RpcStatus.InvalidArgument, "first message must have a reference");

        string reference = request.Ref;
        long total = request.Total;
        string expected = request.Expected;
        if (expected.Length > 0)
            ContentDigest.Check(expected);
        using ContentWrite write = Open(ns, lease, reference, total, expected);

        while (request is not null)
        {
            if (request.Expected.Length > 0)
            {
                ContentDigest.Check(request.Expected);
                expected = request.Expected;
                if (metadata.Database.Read(s => metadata.Content.Get(s, ns, expected)) is not null)
                {
                    write.Dispose();
                    store.Abort(IngestKey(ns, reference));
                    throw new RpcException(RpcStatus.AlreadyExists, $"blob with expected digest {expected} exists");
                }
            }
            if (request.Total > 0)
                total = request.Total;

            WriteContentResponse response = Step(write, request, total, expected, ns, lease, reference);
            await writer.WriteAsync(response, context.Cancelled).ConfigureAwait(false);
            if (request.Action == WriteAction.Commit)
                return;
            request = await reader.ReadAsync(context.Cancelled).ConfigureAwait(false);
        }
    }

    /// <summary>Writes a blob that this daemon makes itself; one that is there already is as good.</summary>
    /// <param name="ns">Whose it is.</param>
    /// <param name="lease">What holds it; null for nothing.</param>
    /// <param name="reference">The name of the write.</param>
    /// <param name="body">Writes the content, and sets labels.</param>
    /// <returns>Its digest and size.</returns>
    public async Task<OciDescriptor> WriteBlobAsync(string ns, string? lease, string reference, Func<Stream, MapField<string, string>, Task> body)
    {
        MapField<string, string> labels = [];
        using ContentWrite write = Open(ns, lease, reference, 0, "");
        try
        {
            if (write.Offset > 0)
                write.Truncate();
            await using (ContentWriteStream stream = new(write))
                await body(stream, labels).ConfigureAwait(false);
            OciDescriptor blob = new() { Digest = write.Digest, Size = write.Offset };
            try
            {
                Commit(write, labels, 0, "", ns, lease, reference);
            }
            catch (RpcException e) when (e.Status == RpcStatus.AlreadyExists)
            {
                return blob;
            }
            return blob;
        }
        catch
        {
            write.Dispose();
            store.Abort(IngestKey(ns, reference));
            throw;
        }
    }

    private WriteContentResponse Step(
        ContentWrite write, WriteContentRequest request, long total, string expected, string ns, string? lease, string reference)
    {
        WriteContentResponse response = new() { Action = request.Action, Offset = write.Offset };
        if (request.Action == WriteAction.Stat)
        {
            response.Digest = write.Digest;
            response.StartedAt = Timestamp.FromDateTime(write.StartedAt);
            response.UpdatedAt = Timestamp.FromDateTime(write.UpdatedAt);
            response.Total = total;
            return response;
        }

        if (request.Offset > 0 && request.Offset != write.Offset)
            throw new RpcException(RpcStatus.OutOfRange, $"write @{request.Offset} must occur at current offset {write.Offset}");
        if (request.Offset == 0 && write.Offset > 0)
        {
            // A commit may come without an offset: only data at 0 means to begin anew.
            if (request.Action == WriteAction.Write || request.Data.Length > 0)
                write.Truncate();
        }
        if (request.Data.Length > 0)
            write.Write(request.Data.Span);
        response.Offset = write.Offset;
        response.Digest = request.Action == WriteAction.Commit
            ? Commit(write, request.Labels, total, expected, ns, lease, reference)
            : write.Digest;
        return response;
    }

    private ContentWrite Open(string ns, string? lease, string reference, long total, string expected)
    {
        bool exists = false;
        long shared = expected.Length > 0 ? SharedSize(expected, total) : -1;
        metadata.Database.Write(session =>
        {
            if (expected.Length > 0)
            {
                if (metadata.Content.Get(session, ns, expected) is not null)
                {
                    // The lease must hold it from now on, whoever lets go of it meanwhile.
                    metadata.AddToLease(session, ns, lease, "content", expected);
                    exists = true;
                    return;
                }
            }
            metadata.AddToLease(session, ns, lease, "ingests", reference);
        });
        if (exists)
            throw ContainerdError.AlreadyExists($"content {expected}");
        string key = IngestKey(ns, reference);
        return new ContentWrite(store, key, total, ContentDigest.Algorithm(expected), shared >= 0 ? expected : null, shared);
    }

    /// <summary>
    /// The size of a blob that need not come over the wire again, since another namespace has it, or one whose records were lost; else -1.
    /// The latter is checked: what no record vouches for, a power cut may have damaged.
    /// </summary>
    private long SharedSize(string digest, long total)
    {
        long size = store.Size(digest);
        if (size < 0 || (total > 0 && total != size))
            return -1;
        bool vouched = metadata.Database.Read(session => metadata.Content.IsKnown(session, digest));
        try
        {
            return vouched || store.Verify(digest) ? size : -1;
        }
        catch (FileNotFoundException)
        {
            return -1; // collected meanwhile
        }
    }

    private string Commit(ContentWrite write, MapField<string, string> labels, long total, string expected, string ns, string? lease, string reference)
    {
        Labels.Check(labels);
        if (total > 0 && total != write.Offset)
            throw ContainerdError.FailedPrecondition($"\"{reference}\" failed size validation: {write.Offset} != {total}");
        long size = write.Offset;
        write.Sync();

        string digest;
        bool existed;
        store.Placing.EnterReadLock();
        try
        {
            digest = write.Place(expected, reference);
            existed = metadata.Database.Write(session =>
            {
                Timestamp now = Labels.Now();
                Info info = new() { Digest = digest, Size = size, CreatedAt = now, UpdatedAt = now };
                Labels.Replace(info.Labels, labels);
                bool isNew = metadata.Content.Insert(session, ns, digest, info);
                MetadataStore.RemoveFromLease(session, ns, null, "ingests", reference);
                metadata.AddToLease(session, ns, lease, "content", digest);
                return !isNew;
            });
        }
        finally
        {
            store.Placing.ExitReadLock();
        }
        if (existed)
            throw ContainerdError.AlreadyExists($"content {digest}");
        events.Publish(ns, "/content/create", TypeUrls.ContentCreate, new ContentCreate { Digest = digest, Size = size });
        return digest;
    }

    // containerd's own keys have a number in the middle; a namespace has no slash, so a fixed one is as unambiguous.
    internal static string IngestKey(string ns, string reference) => $"{ns}/1/{reference}";

    private static RpcException NotFound(string digest) => ContainerdError.NotFound($"content digest {digest}");

    private static Status ToMessage(IngestStatus status, string reference) => new()
    {
        Ref = reference,
        Offset = status.Offset,
        Total = status.Total,
        StartedAt = Timestamp.FromDateTime(status.StartedAt),
        UpdatedAt = Timestamp.FromDateTime(status.UpdatedAt),
    };

    private static string? InfoField(Info info, ReadOnlySpan<string> path) => path switch
    {
        ["digest"] => info.Digest,
        ["size"] => info.Size.ToString(System.Globalization.CultureInfo.InvariantCulture),
        ["labels", ..] => Labels.Field(info.Labels, path),
        _ => null,
    };
}
