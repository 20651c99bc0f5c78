using System.Buffers.Binary;
using System.Text;

namespace AotRuntime.Http;

/// <summary>Whose certificates are trusted.</summary>
public enum TlsTrust
{
    /// <summary>Anybody's: nothing is verified.</summary>
    Anybody = 0,

    /// <summary>Those that the system's authorities have issued.</summary>
    System = 1,

    /// <summary>Those that the given authorities have issued.</summary>
    Files = 2,

    /// <summary>Those that either have issued.</summary>
    SystemAndFiles = 3,
}

/// <summary>A certificate and its key, the paths of two PEM files; further certificates in the first are its chain.</summary>
public readonly record struct TlsKeyPair(string Certificate, string Key);

/// <summary>How a client speaks TLS.</summary>
public sealed record TlsSettings
{
    /// <summary>The name or address that the server's certificate must be for, and what SNI says; null for the endpoint's.</summary>
    public string? ServerName { get; init; }

    /// <summary>Whom to trust.</summary>
    public TlsTrust Trust { get; init; } = TlsTrust.System;

    /// <summary>Paths of PEM files with authorities.</summary>
    public IReadOnlyList<string> Authorities { get; init; } = [];

    /// <summary>The client's own certificates; shown is the first that fits what the server asks for.</summary>
    public IReadOnlyList<TlsKeyPair> Certificates { get; init; } = [];

    /// <summary>What to offer by ALPN; nothing by default.</summary>
    public IReadOnlyList<string> Protocols { get; init; } = [];

    /// <summary>Looks whether the files are of use, before anything is connected.</summary>
    /// <exception cref="IOException"><c>open PATH: no such file or directory</c>, …</exception>
    public void Check() => TlsHelper.Check(Command(TlsCommand.CheckClient, ServerName));

    internal byte[] Command(byte what, string? host)
    {
        TlsCommand command = new(what, Trust);
        if (!string.IsNullOrEmpty(host))
            command.Add(TlsCommand.Name, host);
        foreach (string protocol in Protocols)
            command.Add(TlsCommand.Protocol, protocol);
        foreach (string path in Authorities)
            command.Add(TlsCommand.Authority, path);
        foreach (TlsKeyPair pair in Certificates)
            command.Add(pair);
        return command.ToArray();
    }
}

/// <summary>How a server speaks TLS. Its files are read once, when they are first needed.</summary>
public sealed record TlsServerSettings
{
    /// <summary>What the server shows.</summary>
    public required TlsKeyPair Certificate { get; init; }

    /// <summary>The path of a PEM file: only clients with a certificate of these authorities are served. Null: anybody is.</summary>
    public string? ClientAuthority { get; init; }

    /// <summary>What ALPN may choose, the most wanted first: HTTP/1.1 where the client leaves it to us, for only it can carry attach and exec.</summary>
    public IReadOnlyList<string> Protocols { get; init; } = ["http/1.1", "h2"];

    /// <summary>Looks whether the files are of use.</summary>
    /// <exception cref="IOException">They are not, in the words of Docker's tlsconfig.</exception>
    public void Check() => TlsHelper.Check(Command(TlsCommand.CheckServer));

    internal byte[] Command(byte what)
    {
        TlsCommand command = new(what, ClientAuthority is null ? TlsTrust.Anybody : TlsTrust.Files);
        foreach (string protocol in Protocols)
            command.Add(TlsCommand.Protocol, protocol);
        if (ClientAuthority is not null)
            command.Add(TlsCommand.Authority, ClientAuthority);
        command.Add(Certificate);
        return command.ToArray();
    }
}

/// <summary>A message to the helper, as <c>native/tls/command.c</c> reads it.</summary>
internal readonly struct TlsCommand
{
    public const byte Connect = 1, Accept = 2, CheckClient = 3, CheckServer = 4;
    public const byte Name = 1, Protocol = 2, Authority = 3;
    private const byte Certificate = 4, Key = 5;

    private readonly List<byte> _message;

    public TlsCommand(byte what, TlsTrust trust) => _message = [what, (byte)trust];

    /// <exception cref="IOException">The text is longer than any that the helper takes, or holds a NUL.</exception>
    public void Add(byte tag, string text)
    {
        byte[] octets = Encoding.UTF8.GetBytes(text);
        if (octets.Length >= ushort.MaxValue || octets.Contains((byte)0))
            throw new IOException("tls: a name or path is too long, or holds a NUL");
        Span<byte> length = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(length, (ushort)(octets.Length + 1));
        _message.Add(tag);
        _message.AddRange(length);
        _message.AddRange(octets);
        _message.Add(0);
    }

    public void Add(TlsKeyPair pair)
    {
        Add(Certificate, pair.Certificate);
        Add(Key, pair.Key);
    }

    public byte[] ToArray() => [.. _message];
}
