using System.Text;
using System.Text.Json;
using AotRuntime.Runc;
using AotRuntime.Runc.Seccomp;

namespace AotRuntime.Tests.Unit.Runc;

/// <summary>Compiled programs on disk: trusted only where every byte fits.</summary>
public sealed class SeccompCacheTests : IDisposable
{
    private const string Profile = """{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO"}]}""";
    private readonly string _root = Directory.CreateTempSubdirectory("seccomp-").FullName;

    private string[] Entries => Directory.GetFiles(_root, "@seccomp-*");

    private string Entry => Entries.Single();

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private SeccompProgram? Prepare(string profile)
    {
        using JsonDocument document = JsonDocument.Parse(profile);
        return SeccompCache.Prepare(document.RootElement.Clone(), _root);
    }

    private SeccompProgram? Load()
    {
        byte[] key = SeccompCache.KeyOf(Encoding.UTF8.GetBytes(Profile));
        return SeccompCache.Load(SeccompCache.PathOf(_root, key), key);
    }

    [Fact]
    public void WhatIsCompiledIsFoundAgain()
    {
        Assert.Null(Load());
        SeccompProgram first = Prepare(Profile)!;
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Entry));
        SeccompProgram again = Load()!;
        Assert.Equal(first.Instructions, again.Instructions);
        Assert.Equal(first.Flags, again.Flags);
        Assert.Equal(first.Profile, again.Profile);
        DateTime written = File.GetLastWriteTimeUtc(Entry);
        Assert.Equal(first.Instructions, Prepare(Profile)!.Instructions);
        Assert.Equal(written, File.GetLastWriteTimeUtc(Entry));
    }

    [Fact]
    public void AnotherProfileIsAnotherEntry()
    {
        SeccompProgram one = Prepare(Profile)!;
        SeccompProgram other = Prepare(Profile.Replace("mkdir", "rmdir", StringComparison.Ordinal))!;
        Assert.NotEqual(one.Instructions, other.Instructions);
        Assert.Equal(2, Entries.Length);
    }

    [Fact]
    public void AnEntryUnderAnothersNameIsNotTaken()
    {
        Prepare(Profile);
        byte[] key = SeccompCache.KeyOf(Encoding.UTF8.GetBytes(Profile.Replace("mkdir", "rmdir", StringComparison.Ordinal)));
        // As if the hashes were the same.
        Assert.Null(SeccompCache.Load(Entry, key));
    }

    [Fact]
    public void ADamagedEntryIsCompiledAnew()
    {
        byte[] good = Prepare(Profile)!.Instructions;
        byte[] file = File.ReadAllBytes(Entry);
        for (int length = 0; length < file.Length; length += 7)
        {
            File.WriteAllBytes(Entry, file[..length]);
            Assert.Null(Load());
        }
        for (int at = 0; at < file.Length; at++)
        {
            byte[] flipped = [.. file];
            flipped[at] ^= 0x10;
            File.WriteAllBytes(Entry, flipped);
            Assert.Null(Load());
        }
        Assert.Equal(good, Prepare(Profile)!.Instructions);
        Assert.Equal(file, File.ReadAllBytes(Entry));
    }

    [Fact]
    public void AnEntryThatOthersMayWriteIsNotTaken()
    {
        Prepare(Profile);
        File.SetUnixFileMode(Entry, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherWrite);
        Assert.Null(Load());
        string elsewhere = _root + "/elsewhere";
        File.SetUnixFileMode(Entry, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Assert.NotNull(Load());
        string entry = Entry;
        File.Move(entry, elsewhere);
        File.CreateSymbolicLink(entry, elsewhere);
        Assert.Null(Load());
    }

    [Fact]
    public void EntriesDoNotPileUp()
    {
        for (int i = 0; i < 70; i++)
            Prepare($$"""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO","errnoRet":{{i}}}]}""");
        Assert.InRange(Entries.Length, 1, 64);
    }

    [Fact]
    public void ACacheThatCannotBeWrittenIsNoError()
    {
        Directory.CreateDirectory(SeccompCache.PathOf(_root, SeccompCache.KeyOf(Encoding.UTF8.GetBytes(Profile))) + "/in the way");
        Assert.NotNull(Prepare(Profile));
    }

    [Fact]
    public void WrongProfilesAndListenersAreNotKept()
    {
        Assert.Throws<RuncException>(() => Prepare("""{"defaultAction":"X"}"""));
        Assert.Throws<RuncException>(() => Prepare("[]"));
        Prepare("""{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/s","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}]}""");
        Assert.Empty(Entries);
        Assert.Null(SeccompCache.Prepare(null, _root));
    }
}
