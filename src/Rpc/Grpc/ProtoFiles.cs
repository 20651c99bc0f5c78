using System.Buffers;
using System.IO.Compression;
using System.Text;
using AotRuntime.Rpc.Ttrpc;

namespace AotRuntime.Rpc.Grpc;

/// <summary>One .proto file as the compiler described it (a google.protobuf.FileDescriptorProto), and what it imports.</summary>
internal sealed class ProtoFile(string name, ReadOnlyMemory<byte> descriptor, List<string> imports)
{
    public string Name => name;

    public ReadOnlyMemory<byte> Descriptor => descriptor;

    public List<string> Imports => imports;
}

/// <summary>A message's fields of bytes, strings and messages, in their order; the others are passed over.</summary>
internal ref struct ProtoFields(ReadOnlyMemory<byte> message)
{
    private SequenceReader<byte> _reader = new(new ReadOnlySequence<byte>(message));

    /// <summary>The field's number.</summary>
    public int Number { get; private set; }

    /// <summary>The field's octets.</summary>
    public ReadOnlyMemory<byte> Value { get; private set; }

    /// <summary>The field's octets as text.</summary>
    public readonly string Text => Encoding.UTF8.GetString(Value.Span);

    /// <summary>Goes on to the next; false at the end.</summary>
    public bool Read()
    {
        while (ProtoWire.TryReadVarint(ref _reader, out ulong tag))
        {
            int wireType = (int)(tag & 7);
            if (wireType != ProtoWire.LengthDelimited)
            {
                if (!ProtoWire.TrySkip(ref _reader, wireType))
                    return false;
                continue;
            }
            if (!ProtoWire.TryReadBytes(ref _reader, out ReadOnlySequence<byte> value))
                return false;
            (Number, Value) = ((int)(tag >> 3), value.First);
            return true;
        }
        return false;
    }
}

/// <summary>
/// The descriptors of all our .proto files, by file and by symbol. The build embeds them as one google.protobuf.FileDescriptorSet; here only
/// names are read out of it, by hand: the library's own descriptors would cost every role of the program more than all else in this folder.
/// </summary>
internal sealed class ProtoFiles
{
    private const string Resource = "descriptors.pb.gz";

    private static readonly Lazy<ProtoFiles> s_embedded = new(static () =>
    {
        using GZipStream packed = new(typeof(ProtoFiles).Assembly.GetManifestResourceStream(Resource)!, CompressionMode.Decompress);
        using MemoryStream set = new();
        packed.CopyTo(set);
        return new ProtoFiles(set.ToArray());
    });

    private readonly Dictionary<string, ProtoFile> _byName = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ProtoFile> _bySymbol = new(StringComparer.Ordinal);
    private readonly HashSet<string> _messages = new(StringComparer.Ordinal);

    public ProtoFiles(ReadOnlyMemory<byte> descriptorSet)
    {
        ProtoFields fields = new(descriptorSet);
        while (fields.Read())
        {
            if (fields.Number == 1)
                Add(fields.Value);
        }
    }

    /// <summary>The files that this program was built from; read when first asked for.</summary>
    public static ProtoFiles Embedded => s_embedded.Value;

    /// <summary>The file of that name, or null.</summary>
    public ProtoFile? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>The file that declares a service, method, message, field or enum by its full name, or null.</summary>
    public ProtoFile? FindBySymbol(string symbol) => _bySymbol.GetValueOrDefault(symbol);

    /// <summary>Whether there is a message of that full name.</summary>
    public bool HasMessage(string name) => _messages.Contains(name);

    private void Add(ReadOnlyMemory<byte> descriptor)
    {
        // FileDescriptorProto: name 1, package 2, dependency 3, message_type 4, enum_type 5, service 6.
        string name = "", package = "";
        List<string> imports = [];
        ProtoFields fields = new(descriptor);
        while (fields.Read())
        {
            switch (fields.Number)
            {
                case 1: name = fields.Text; break;
                case 2: package = fields.Text; break;
                case 3: imports.Add(fields.Text); break;
                default: break;
            }
        }
        ProtoFile file = new(name, descriptor, imports);
        _byName[name] = file;
        string scope = package.Length == 0 ? "" : $"{package}.";
        fields = new(descriptor);
        while (fields.Read())
        {
            switch (fields.Number)
            {
                case 4: AddMessage(file, scope, fields.Value); break;
                case 5: AddEnum(file, scope, fields.Value); break;
                case 6: AddNamed(file, scope, fields.Value, members: 2); break;
                default: break;
            }
        }
    }

    private void AddMessage(ProtoFile file, string scope, ReadOnlyMemory<byte> descriptor)
    {
        // DescriptorProto: name 1, field 2, nested_type 3, enum_type 4.
        string name = AddNamed(file, scope, descriptor, members: 2);
        _messages.Add(name);
        ProtoFields fields = new(descriptor);
        while (fields.Read())
        {
            if (fields.Number == 3)
                AddMessage(file, $"{name}.", fields.Value);
            else if (fields.Number == 4)
                AddEnum(file, $"{name}.", fields.Value);
        }
    }

    private void AddEnum(ProtoFile file, string scope, ReadOnlyMemory<byte> descriptor)
    {
        // EnumDescriptorProto: name 1, value 2. The values' names stand beside the enum's, not below it.
        _bySymbol[scope + NameOf(descriptor)] = file;
        ProtoFields fields = new(descriptor);
        while (fields.Read())
        {
            if (fields.Number == 2)
                _bySymbol[scope + NameOf(fields.Value)] = file;
        }
    }

    /// <summary>Adds what has a name and, in the field <paramref name="members"/>, named parts; gives its full name.</summary>
    private string AddNamed(ProtoFile file, string scope, ReadOnlyMemory<byte> descriptor, int members)
    {
        string name = scope + NameOf(descriptor);
        _bySymbol[name] = file;
        ProtoFields fields = new(descriptor);
        while (fields.Read())
        {
            if (fields.Number == members)
                _bySymbol[$"{name}.{NameOf(fields.Value)}"] = file;
        }
        return name;
    }

    /// <summary>Each of these descriptors has its name in field 1.</summary>
    private static string NameOf(ReadOnlyMemory<byte> descriptor)
    {
        ProtoFields fields = new(descriptor);
        while (fields.Read())
        {
            if (fields.Number == 1)
                return fields.Text;
        }
        return "";
    }
}
