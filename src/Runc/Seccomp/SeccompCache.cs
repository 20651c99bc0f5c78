using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using AotRuntime.Json;
using AotRuntime.Linux;
using AotRuntime.Runc.Logging;
using AotRuntime.Runc.Spec;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Runc.Seccomp;

/// <summary>
/// Compiled programs, kept from container to container: most have the same profile, and compiling it is a large part of a start.
/// An entry holds all that it was made from, and is used only where every byte of that is the same: the hash in its name
/// finds it, and decides nothing.
/// </summary>
internal static class SeccompCache
{
    /// <summary>Below the root of container states; '@' is in no container's id.</summary>
    private const string Folder = "/@seccomp";

    private const uint Magic = 0x31434353; // "SCC1": the layout, and how programs are made
    private const int HeaderSize = 16;
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
        SeccompProgram? program = SeccompCompiler.Compile(Parse(json));
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

    internal static string PathOf(string root, ReadOnlySpan<byte> key) => $"{root.TrimEnd('/')}{Folder}/{XxHash3.HashToUInt64(key):x16}.bpf";

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
        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(entry.AsSpan(4));
        uint keyLength = BinaryPrimitives.ReadUInt32LittleEndian(entry.AsSpan(8));
        uint checksum = BinaryPrimitives.ReadUInt32LittleEndian(entry.AsSpan(12));
        int programLength = entry.Length - HeaderSize - key.Length;
        if (keyLength != (uint)key.Length || !SeccompProgram.IsPlausible(programLength) || !entry.AsSpan(HeaderSize, key.Length).SequenceEqual(key))
            return null;
        byte[] instructions = entry[(HeaderSize + key.Length)..];
        return checksum == Checksum(flags, instructions) ? new SeccompProgram { Flags = flags, Instructions = instructions } : null;
    }

    /// <summary>A reader sees all of an entry or none. A cache that can't be written costs time, not the container.</summary>
    internal static void Store(string path, ReadOnlySpan<byte> key, SeccompProgram program)
    {
        byte[] entry = new byte[HeaderSize + key.Length + program.Instructions.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(entry, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(4), program.Flags);
        BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(8), (uint)key.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(12), Checksum(program.Flags, program.Instructions));
        key.CopyTo(entry.AsSpan(HeaderSize));
        program.Instructions.CopyTo(entry.AsSpan(HeaderSize + key.Length));
        try
        {
            string folder = Path.GetDirectoryName(path)!;
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            string[] known = Directory.GetFiles(folder);
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
    private static uint Checksum(uint flags, ReadOnlySpan<byte> program) => XxHash32.HashToUInt32(program, (int)flags);
}
