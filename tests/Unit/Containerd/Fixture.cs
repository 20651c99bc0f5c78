using System.Threading.Channels;
using AotRuntime.Containerd;
using AotRuntime.Http;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Content;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;

namespace AotRuntime.Tests.Unit.Containerd;

/// <summary>The services over a folder of their own, without a transport.</summary>
internal sealed class Fixture : IAsyncDisposable
{
    private bool _closed;

    public Fixture(string? folder = null)
    {
        Root = folder ?? Directory.CreateTempSubdirectory("aot-containerd-").FullName;
        Metadata = new MetadataStore(Path.Combine(Root, "meta", "meta.db"));
        Store = new ContentStore(Path.Combine(Root, "content"));
        Collector = new GarbageCollector(Metadata, Store, Events, NullLogger.Instance);
        Native = new SnapshotStore(Metadata, new NativeDriver(Path.Combine(Root, "native")));
        Overlay = new SnapshotStore(Metadata, new OverlayDriver(Path.Combine(Root, "overlay")));
        Collector.Snapshotters = [Native, Overlay];
        Contents = new ContentService(Metadata, Store, Events, Collector);
        Images = new ImagesService(Metadata, Events, Collector);
        Containers = new ContainersService(Metadata, Events, Collector);
        Namespaces = new NamespacesService(Metadata, Events);
        Leases = new LeasesService(Metadata, Collector);
    }

    public string Root { get; }

    public EventExchange Events { get; } = new();

    public MetadataStore Metadata { get; }

    public ContentStore Store { get; }

    public GarbageCollector Collector { get; }

    public SnapshotStore Native { get; }

    public SnapshotStore Overlay { get; }

    public ContentService Contents { get; }

    public ImagesService Images { get; }

    public ContainersService Containers { get; }

    public NamespacesService Namespaces { get; }

    public LeasesService Leases { get; }

    public static RpcContext Context(string? ns = "test", string? lease = null)
    {
        HttpHeaders headers = [];
        if (ns is not null)
            headers.Add("containerd-namespace", ns);
        if (lease is not null)
            headers.Add("containerd-lease", lease);
        return new RpcContext { Metadata = headers };
    }

    public static string Sha256(byte[] data) =>
        "sha256:" + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(data));

    /// <summary>Sends messages to Write and gives its answers.</summary>
    public async Task<List<WriteContentResponse>> WriteAsync(RpcContext context, params WriteContentRequest[] requests)
    {
        var writer = new Collected<WriteContentResponse>();
        await Contents.WriteAsync(new Given<WriteContentRequest>(requests), writer, context);
        return writer.Messages;
    }

    /// <summary>Puts a blob into the store.</summary>
    public async Task<string> AddAsync(string text, RpcContext? context = null, params (string Key, string Value)[] labels)
    {
        byte[] data = System.Text.Encoding.UTF8.GetBytes(text);
        WriteContentRequest commit = new()
        {
            Action = WriteAction.Commit,
            Ref = "ref-" + text,
            Total = data.Length,
            Expected = Sha256(data),
            Data = ByteString.CopyFrom(data),
        };
        foreach ((string key, string value) in labels)
            commit.Labels[key] = value;
        return (await WriteAsync(context ?? Context(), commit))[^1].Digest;
    }

    public async Task<byte[]> ReadAsync(ReadContentRequest request, RpcContext? context = null)
    {
        var writer = new Collected<ReadContentResponse>();
        await Contents.ReadAsync(request, writer, context ?? Context());
        return [.. writer.Messages.SelectMany(m => m.Data.ToByteArray())];
    }

    public bool HasBlob(string digest) => Store.Size(digest) >= 0;

    /// <summary>Closes, as a killed daemon's end would, and leaves the folder.</summary>
    public async Task CloseAsync()
    {
        if (_closed)
            return;
        _closed = true;
        await Collector.DisposeAsync();
        Metadata.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        if (Directory.Exists(Root))
            Directory.Delete(Root, recursive: true);
    }

    public sealed class Given<T>(IEnumerable<T> messages) : IRpcReader<T> where T : class
    {
        private readonly Queue<T> _messages = new(messages);

        public ValueTask<T?> ReadAsync(CancellationToken cancellationToken = default) =>
            ValueTask.FromResult(_messages.TryDequeue(out T? next) ? next : null);
    }

    public sealed class Collected<T> : IRpcWriter<T> where T : class, IMessage<T>, IDeepCloneable<T>
    {
        private readonly Channel<T> _channel = Channel.CreateUnbounded<T>();

        public List<T> Messages { get; } = [];

        public ChannelReader<T> Arriving => _channel.Reader;

        public ValueTask WriteAsync(T message, CancellationToken cancellationToken = default)
        {
            // A copy, as a transport makes: the sender may use its buffer again. Clone shares byte strings; parsing does not.
            byte[] bytes = message.ToByteArray();
            T copy = message.Clone();
            if (message is ReadContentResponse)
                copy = (T)(IMessage)ReadContentResponse.Parser.ParseFrom(bytes);
            Messages.Add(copy);
            return _channel.Writer.WriteAsync(copy, cancellationToken);
        }
    }
}
