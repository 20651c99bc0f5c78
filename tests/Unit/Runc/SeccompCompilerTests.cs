using System.Text.Json;
using AotRuntime.Json;
using AotRuntime.Runc;
using AotRuntime.Runc.Seccomp;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Tests.Unit.Runc;

/// <summary>What compiled profiles say to calls.</summary>
public class SeccompCompilerTests
{
    private const uint Allow = 0x7fff0000, Errno = 0x00050000, KillThread = 0, ENOSYS = Errno | 38;
    private const uint Read = 0, Mkdir = 83, Personality = 135, Clone3 = 435, OpenAt2 = 437, Future = 9999, X32 = 0x40000000;

    private static SeccompProgram? Compile(string json) => SeccompCompiler.Compile(JsonText.Parse(System.Text.Encoding.UTF8.GetBytes(json), SpecJson.SeccompSpec)!);

    private static uint Ask(string json, uint number, params ulong[] arguments) =>
        BpfInterpreter.Run(Compile(json)!.Instructions, BpfInterpreter.X86_64, number, arguments);

    private static string Refusal(string json) => Assert.Throws<RuncException>(() => Compile(json)).Message;

    [Theory]
    [InlineData("SCMP_ACT_KILL", KillThread)]
    [InlineData("SCMP_ACT_KILL_THREAD", KillThread)]
    [InlineData("SCMP_ACT_KILL_PROCESS", 0x80000000)]
    [InlineData("SCMP_ACT_TRAP", 0x00030000)]
    [InlineData("SCMP_ACT_ERRNO", Errno | 1)]
    [InlineData("SCMP_ACT_TRACE", 0x7ff00001)]
    [InlineData("SCMP_ACT_LOG", 0x7ffc0000)]
    public void EachActionIsTheKernels(string action, uint result)
    {
        string profile = $$"""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"{{action}}"}]}""";
        Assert.Equal(result, Ask(profile, Mkdir));
        Assert.Equal(Allow, Ask(profile, Read));
        // And as a default; all that the profile names is older than the stub's line.
        string turned = $$"""{"defaultAction":"{{action}}","syscalls":[{"names":["mkdir","openat2"],"action":"SCMP_ACT_ALLOW"}]}""";
        Assert.Equal(result, Ask(turned, Read));
        Assert.Equal(Allow, Ask(turned, Mkdir));
    }

    [Theory]
    [InlineData("ERRNO", 77, 0x0005004d)]
    [InlineData("ERRNO", 0, 0x00050000)]
    [InlineData("TRACE", 5, 0x7ff00005)]
    public void ErrnoRetIsTheData(string action, uint errno, uint result) =>
        Assert.Equal(result, Ask($$"""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_{{action}}","errnoRet":{{errno}}}]}""", Mkdir));

    [Theory]
    [InlineData("EQ", 0, new ulong[] { 8 }, new ulong[] { 7, 9, 0x100000008 })]
    [InlineData("NE", 0, new ulong[] { 7, 9, 0x100000008 }, new ulong[] { 8 })]
    [InlineData("LT", 0, new ulong[] { 0, 7 }, new ulong[] { 8, 9, 0x100000000 })]
    [InlineData("LE", 0, new ulong[] { 0, 8 }, new ulong[] { 9, 0x100000000 })]
    [InlineData("GT", 0, new ulong[] { 9, 0x100000000 }, new ulong[] { 0, 8 })]
    [InlineData("GE", 0, new ulong[] { 8, 0x100000000 }, new ulong[] { 0, 7 })]
    [InlineData("MASKED_EQ", 8, new ulong[] { 8, 12, 0x100000008 }, new ulong[] { 0, 4, 0x100000000 })]
    public void EachOperatorCompares(string op, ulong valueTwo, ulong[] hits, ulong[] misses)
    {
        string profile = $$"""
            {"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["personality"],"action":"SCMP_ACT_ERRNO",
            "args":[{"index":0,"value":8,"valueTwo":{{valueTwo}},"op":"SCMP_CMP_{{op}}"}]}]}
            """;
        Assert.All(hits, v => Assert.Equal(Errno | 1, Ask(profile, Personality, v)));
        Assert.All(misses, v => Assert.Equal(Allow, Ask(profile, Personality, v)));
    }

    [Fact]
    public void ConditionsOnSeveralArgumentsMustAllHoldAndOnOneArgumentOneSuffices()
    {
        const string both = """
            {"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO",
            "args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"},{"index":1,"value":2,"op":"SCMP_CMP_EQ"}]}]}
            """;
        Assert.Equal(Errno | 1, Ask(both, Mkdir, 1, 2));
        Assert.Equal(Allow, Ask(both, Mkdir, 1, 3));
        const string either = """
            {"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO",
            "args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"},{"index":0,"value":2,"op":"SCMP_CMP_EQ"}]}]}
            """;
        Assert.Equal(Errno | 1, Ask(either, Mkdir, 1));
        Assert.Equal(Errno | 1, Ask(either, Mkdir, 2));
        Assert.Equal(Allow, Ask(either, Mkdir, 3));
    }

    [Fact]
    public void CallsNewerThanTheProfileDoNotExist()
    {
        const string profile = """
            {"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86","SCMP_ARCH_X32"],
            "syscalls":[{"names":["read","openat2"],"action":"SCMP_ACT_ALLOW"}]}
            """;
        byte[] program = Compile(profile)!.Instructions;
        Assert.Equal(Allow, BpfInterpreter.Run(program, BpfInterpreter.X86_64, OpenAt2));
        Assert.Equal(Errno | 1, BpfInterpreter.Run(program, BpfInterpreter.X86_64, Clone3));
        Assert.Equal(ENOSYS, BpfInterpreter.Run(program, BpfInterpreter.X86_64, Future));
        Assert.Equal(Allow, BpfInterpreter.Run(program, BpfInterpreter.X86, 3));
        Assert.Equal(Errno | 1, BpfInterpreter.Run(program, BpfInterpreter.X86, 1));
        Assert.Equal(ENOSYS, BpfInterpreter.Run(program, BpfInterpreter.X86, Future));
        Assert.Equal(Allow, BpfInterpreter.Run(program, BpfInterpreter.X86_64, X32 | Read));
        Assert.Equal(Errno | 1, BpfInterpreter.Run(program, BpfInterpreter.X86_64, X32 | Clone3));
        Assert.Equal(ENOSYS, BpfInterpreter.Run(program, BpfInterpreter.X86_64, X32 | Future));
        // An architecture that the profile does not cover has no calls at all.
        Assert.Equal(KillThread, BpfInterpreter.Run(program, 0xc00000b7, Read));
    }

    [Fact]
    public void AProfileThatPermitsWhatIsNewIsLeftAlone()
    {
        Assert.Equal(Allow, Ask("""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO"}]}""", Future));
        Assert.Equal(0x7ffc0000u, Ask("""{"defaultAction":"SCMP_ACT_LOG","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO"}]}""", Future));
    }

    [Fact]
    public void UnknownCallsAreIgnored() =>
        Assert.Equal(Errno | 1, Ask("""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["no_such_call","mkdir"],"action":"SCMP_ACT_ERRNO"}]}""", Mkdir));

    [Fact]
    public void ALongListIsATreeAndSaysTheSame()
    {
        string names = string.Join(',', Calls.Select(c => $"\"{c}\""));
        string profile = $$"""{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":[{{names}}],"action":"SCMP_ACT_ALLOW"}]}""";
        foreach (string call in Calls)
            Assert.Equal(Allow, Ask(profile, (uint)AotRuntime.Linux.SeccompFilter.Resolve(call)!.Value));
        Assert.Equal(Errno | 1, Ask(profile, Mkdir));
    }

    [Fact]
    public void AnEmptyProfileIsNone() => Assert.Null(Compile("{}"));

    [Theory]
    [InlineData("""["SECCOMP_FILTER_FLAG_LOG","SECCOMP_FILTER_FLAG_TSYNC"]""", 2)]
    [InlineData("""["SECCOMP_FILTER_FLAG_SPEC_ALLOW"]""", 4)]
    [InlineData("[]", 0)]
    [InlineData("null", 4)]
    public void FlagsAreTheKernels(string flags, uint value) => Assert.Equal(value, Compile($$"""{"defaultAction":"SCMP_ACT_ALLOW","flags":{{flags}}}""")!.Flags);

    [Fact]
    public void ARuleThatNotifiesNeedsAListener()
    {
        SeccompProgram program = Compile("""{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/s","listenerMetadata":"m","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}]}""")!;
        Assert.Equal(8u, program.Flags & 8);
        Assert.Equal(("/s", "m"), (program.ListenerPath, program.ListenerMetadata));
        Assert.Equal(0x7fc00000u, BpfInterpreter.Run(program.Instructions, BpfInterpreter.X86_64, Mkdir));
        Assert.EndsWith("seccomp listenerPath is not set", Refusal("""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}]}"""));
        Assert.EndsWith("SCMP_ACT_NOTIFY cannot be used for the write syscall",
            Refusal("""{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/s","syscalls":[{"names":["write"],"action":"SCMP_ACT_NOTIFY"}]}"""));
        Assert.EndsWith("SCMP_ACT_NOTIFY cannot be used as default action", Refusal("""{"defaultAction":"SCMP_ACT_NOTIFY"}"""));
    }

    [Theory]
    [InlineData("""{"defaultAction":"SCMP_ACT_X"}""", "string SCMP_ACT_X is not a valid action for seccomp")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","architectures":["MOON"]}""", "string MOON is not a valid arch for seccomp")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","flags":["X"]}""", "seccomp flag X is not known to runc")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"X"}]}""", "string X is not a valid action for seccomp")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO","args":[{"op":"X"}]}]}""", "string X is not a valid operator for seccomp")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":[""],"action":"SCMP_ACT_ERRNO"}]}""", "empty string is not a valid syscall")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO","args":[{"index":6,"op":"SCMP_CMP_EQ"}]}]}""", "syscalls only have up to 6 arguments (6 given)")]
    public void WhatIsWrongIsSaid(string profile, string message) => Assert.EndsWith(message, Refusal(profile));

    private static readonly string[] Calls =
    [
        "read", "write", "open", "close", "stat", "fstat", "lstat", "poll", "lseek", "mmap", "mprotect", "munmap", "brk", "ioctl", "pread64", "pwrite64",
        "readv", "writev", "access", "pipe", "select", "dup", "dup2", "pause", "nanosleep", "getpid", "socket", "connect", "accept", "bind", "listen",
        "clone", "fork", "vfork", "execve", "exit", "wait4", "kill", "uname", "fcntl", "flock", "fsync", "getcwd", "chdir", "openat2", "statx", "futex",
    ];
}
