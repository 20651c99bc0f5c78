using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using AotRuntime.Json;
using AotRuntime.Linux;
using AotRuntime.Runc.Logging;
using AotRuntime.Runc.Spec;
using AotRuntime.Runc.State.Libcontainer;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Runc.Seccomp;

/// <summary>
/// Compiled programs, kept from container to container: most have the same profile, and compiling it is a large part of a start.
/// An entry holds all that it was made from, and is used only where every byte of that is the same: the hash in its name
/// finds it, and decides nothing.
/// </summary>
internal static class SeccompCache
{
    /// <summary>Files beside the containers' directories, which is all that runc looks at; '@' is in no container's id.</summary>
    private const string Prefix = "@seccomp-";

    private const uint Magic = 0x32434353; // "SCC2": the layout, and how programs are made
    private const int HeaderSize = 20;
    private const int MaxEntries = 64;
    private const int MaxSize = 4 * 1024 * 1024;
    private const uint OthersMayWrite = 0x12;

    /// <summary>The program of a bundle's profile; null where there is none.</summary>
    /// <exception cref="RuncException">The profile is wrong.</exception>
    public static SeccompProgram? Prepare(JsonElement? profile, string root)
    {
        if (profile is not { } json || json.ValueKind == JsonValueKind.Null)
            return null;
        byte[] key = KeyOf(JsonMarshal.GetRawUtf8Value(json));
        string path = PathOf(root, key);
        if (Load(path, key) is { } known)
            return known;
        SeccompSpec spec = Parse(json);
        SeccompProgram? program = SeccompCompiler.Compile(spec) is not { } made ? null : new SeccompProgram
        {
            Flags = made.Flags,
            Instructions = made.Instructions,
            ListenerPath = made.ListenerPath,
            ListenerMetadata = made.ListenerMetadata,
            Profile = JsonText.ToBytes(SeccompForm.From(spec), LibcontainerJson.LibcontainerSeccomp),
        };
        // A listener's path and text are not kept, so neither is the program.
        if (program is { ListenerPath: null })
            Store(path, key, program);
        return program;
    }

    private static SeccompSpec Parse(JsonElement json)
    {
        try
        {
            return JsonText.Parse(json, SpecJson.SeccompSpec) ?? new SeccompSpec();
        }
        catch (JsonException e)
        {
            throw new RuncException($"unable to parse {SpecFile.Config}: {e.Message}", e);
        }
    }

    internal static byte[] KeyOf(ReadOnlySpan<byte> profile)
    {
        string made = $"{Sys.ReadSmallText("/proc/sys/kernel/osrelease").TrimEnd()}\n{SeccompFilter.Version}\n{RuncRole.Version}\n{RuntimeInformation.ProcessArchitecture}\n";
        byte[] key = new byte[Encoding.UTF8.GetByteCount(made) + profile.Length];
        profile.CopyTo(key.AsSpan(Encoding.UTF8.GetBytes(made, key)));
        return key;
    }

    internal static string PathOf(string root, ReadOnlySpan<byte> key) => $"{root.TrimEnd('/')}/{Prefix}{XxHash3.HashToUInt64(key):x16}.bpf";

    /// <summary>Null where the entry is missing, of another profile, damaged, or not only ours to write.</summary>
    internal static SeccompProgram? Load(string path, ReadOnlySpan<byte> key)
    {
        byte[] entry;
        try
        {
            using SafeFileHandle file = Sys.Open(path, OpenFlags.ReadOnly | OpenFlags.NoFollow);
            if (Sys.TryStatAt(file, "\0"u8, out FileStatus status) != Errno.None || !status.IsRegular || (status.Mode & OthersMayWrite) != 0
                || status.Uid != Sys.EffectiveUser() || status.Size > MaxSize)
                return null;
            entry = new byte[status.Size];
            if (RandomAccess.Read(file, entry, 0) != entry.Length)
                return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
        if (entry.Length < HeaderSize || BinaryPrimitives.ReadUInt32LittleEndian(entry) != Magic)
            return null;
        uint checksum = BinaryPrimitives.ReadUInt32LittleEndian(entry.AsSpan(4));
        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(entry.AsSpan(8));
        uint keyLength = BinaryPrimitives.ReadUInt32LittleEndian(entry.AsSpan(12));
        uint profileLength = BinaryPrimitives.ReadUInt32LittleEndian(entry.AsSpan(16));
        long programLength = (long)entry.Length - HeaderSize - keyLength - profileLength;
        if (keyLength != (uint)key.Length || programLength < 0 || !SeccompProgram.IsPlausible((int)programLength)
            || !entry.AsSpan(HeaderSize, key.Length).SequenceEqual(key) || checksum != Checksum(entry))
            return null;
        int profile = HeaderSize + key.Length, instructions = profile + (int)profileLength;
        return new SeccompProgram { Flags = flags, Profile = entry[profile..instructions], Instructions = entry[instructions..] };
    }

    /// <summary>A reader sees all of an entry or none. A cache that can't be written costs time, not the container.</summary>
    internal static void Store(string path, ReadOnlySpan<byte> key, SeccompProgram program)
    {
        int made = HeaderSize + key.Length;
        byte[] entry = new byte[made + program.Profile.Length + program.Instructions.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(entry, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(8), program.Flags);
        BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(12), (uint)key.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(16), (uint)program.Profile.Length);
        key.CopyTo(entry.AsSpan(HeaderSize));
        program.Profile.CopyTo(entry.AsSpan(made));
        program.Instructions.CopyTo(entry.AsSpan(made + program.Profile.Length));
        BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(4), Checksum(entry));
        try
        {
            string root = Path.GetDirectoryName(path)!;
            Directory.CreateDirectory(root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            string[] known = Directory.GetFiles(root, Prefix + "*");
            if (known.Length >= MaxEntries)
                Array.ForEach(known, File.Delete);
            string temporary = $"{path}.{Environment.ProcessId}";
            Sys.CreateSmallFile(temporary, entry, 0x180);
            Sys.Rename(temporary, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            RuncLog.Debug($"seccomp cache: {e.Message}");
        }
    }

    /// <summary>Finds what power loss or a full disk left half done.</summary>
    private static uint Checksum(ReadOnlySpan<byte> entry) => XxHash32.HashToUInt32(entry[8..]); // all that follows it
}
