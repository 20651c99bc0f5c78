using System.Text;
using System.Text.Json;
using AotRuntime.Dockerd.Api;
using AotRuntime.Dockerd.Containers;
using AotRuntime.Dockerd.Host;
using AotRuntime.Dockerd.Oci;
using AotRuntime.EngineApi;
using AotRuntime.Json;
using AotRuntime.Runc.Seccomp;
using AotRuntime.Runc.Spec;
using AotRuntime.Tests.Unit.Runc;

namespace AotRuntime.Tests.Unit.Dockerd;

public class SeccompProfileTests
{
    private const uint Allow = 0x7fff0000, EPERM = 0x00050001, ENOSYS = 0x00050026;
    private static readonly Version s_kernel = new(6, 1);

    private static byte[] Program(SeccompProfile profile, params string[] capabilities) =>
        SeccompCompiler.Compile(JsonText.Parse(profile.Resolve(capabilities, s_kernel), SpecJson.SeccompSpec)!)!.Instructions;

    private static SeccompProfile? Read(string json) => SeccompProfileReader.Read(Encoding.UTF8.GetBytes(json));

    private static List<string> Names(SeccompProfile profile, Version kernel, params string[] capabilities) =>
        [.. profile.Resolve(capabilities, kernel).GetProperty("syscalls").EnumerateArray().SelectMany(s => s.GetProperty("names").EnumerateArray()).Select(n => n.GetString()!)];

    [Theory]
    [InlineData(0u, 0UL, Allow)]             // read
    [InlineData(165u, 0UL, EPERM)]           // mount
    [InlineData(272u, 0x10000000UL, EPERM)]  // unshare
    [InlineData(250u, 0UL, EPERM)]           // keyctl
    [InlineData(321u, 0UL, EPERM)]           // bpf
    [InlineData(56u, 0x11UL, Allow)]         // clone: a process
    [InlineData(56u, 0x10000011UL, EPERM)]   // clone: a user namespace
    [InlineData(435u, 0UL, ENOSYS)]          // clone3
    [InlineData(41u, 1UL, Allow)]            // socket: AF_UNIX
    [InlineData(41u, 38UL, EPERM)]           // socket: AF_ALG
    [InlineData(41u, 40UL, EPERM)]           // socket: AF_VSOCK
    [InlineData(135u, 0xffffffffUL, Allow)]  // personality: the question
    [InlineData(135u, 0x40000UL, EPERM)]     // personality: ADDR_NO_RANDOMIZE
    [InlineData(101u, 0UL, Allow)]           // ptrace
    [InlineData(9999u, 0UL, ENOSYS)]
    public void TheDefaultProfileDecides(uint number, ulong argument, uint result) =>
        Assert.Equal(result, BpfInterpreter.Run(Program(DefaultSeccompProfile.Profile), BpfInterpreter.X86_64, number, argument));

    [Theory]
    [InlineData("CAP_SYS_ADMIN", 165u)]
    [InlineData("CAP_SYS_ADMIN", 435u)]
    [InlineData("CAP_SYS_CHROOT", 161u)]
    [InlineData("CAP_SYS_MODULE", 175u)]
    [InlineData("CAP_BPF", 321u)]
    [InlineData("CAP_SYSLOG", 103u)]
    public void ACapabilityBringsItsCalls(string capability, uint number)
    {
        Assert.NotEqual(Allow, BpfInterpreter.Run(Program(DefaultSeccompProfile.Profile), BpfInterpreter.X86_64, number));
        Assert.Equal(Allow, BpfInterpreter.Run(Program(DefaultSeccompProfile.Profile, capability), BpfInterpreter.X86_64, number));
    }

    [Fact]
    public void ConditionsOfAProfileAreKept()
    {
        SeccompProfile profile = Read("""
            {"defaultAction":"SCMP_ACT_ERRNO","archMap":[{"architecture":"SCMP_ARCH_AARCH64","subArchitectures":["SCMP_ARCH_ARM"]},
            {"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86"]}],
            "syscalls":[{"name":"a","action":"SCMP_ACT_ALLOW"},
            {"names":["b"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_X","CAP_Y"]}},
            {"names":["c"],"action":"SCMP_ACT_ALLOW","excludes":{"caps":["CAP_X","CAP_Z"]}},
            {"names":["d"],"action":"SCMP_ACT_ALLOW","includes":{"arches":["arm"]}},
            {"names":["e"],"action":"SCMP_ACT_ALLOW","includes":{"arches":["amd64"],"minKernel":"5.10"}},
            {"names":["f"],"action":"SCMP_ACT_ALLOW","excludes":{"minKernel":"5.10"},"args":[{"index":1,"value":2,"valueTwo":3,"op":"SCMP_CMP_MASKED_EQ"}]}]}
            """)!;
        Assert.Equal(["a", "c", "e"], Names(profile, s_kernel));
        Assert.Equal(["a", "b", "e"], Names(profile, s_kernel, "CAP_X", "CAP_Y"));
        Assert.Equal(["a", "c", "f"], Names(profile, new Version(5, 9), "CAP_Y"));
        JsonElement spec = profile.Resolve([], new Version(4, 0));
        Assert.Equal("""["SCMP_ARCH_X86_64","SCMP_ARCH_X86"]""", spec.GetProperty("architectures").GetRawText());
        Assert.Equal("""[{"index":1,"value":2,"valueTwo":3,"op":"SCMP_CMP_MASKED_EQ"}]""", spec.GetProperty("syscalls")[2].GetProperty("args").GetRawText());
        Assert.False(spec.TryGetProperty("flags", out _));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"syscalls":null}""")]
    public void AnEmptyProfileIsNone(string json) => Assert.Null(Read(json));

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"defaultAction":1}""")]
    [InlineData("""{"defaultAction":"A","syscalls":{}}""")]
    [InlineData("""{"defaultAction":"A","syscalls":[1]}""")]
    [InlineData("""{"defaultAction":"A","syscalls":[{"name":"a","names":["b"]}]}""")]
    [InlineData("""{"defaultAction":"A","defaultErrnoRet":-1}""")]
    [InlineData("""{"defaultAction":"A","syscalls":[{"args":[{"value":1.5}]}]}""")]
    [InlineData("""{"defaultAction":"A","syscalls":[{"includes":{"minKernel":"5"}}]}""")]
    [InlineData("""{"defaultAction":"A","architectures":["X"],"archMap":[{}]}""")]
    public void WhatIsNoProfileIsRefused(string json) => Assert.Throws<FormatException>(() => Read(json));

    [Fact]
    public void TheContainersWordGoesBeforeTheDaemons()
    {
        SeccompProfile daemon = Read("""{"defaultAction":"SCMP_ACT_LOG"}""")!;
        Assert.Same(daemon, Choose(daemon));
        Assert.Null(Choose(null));
        Assert.Same(DefaultSeccompProfile.Profile, Choose(daemon, "seccomp=builtin"));
        Assert.Null(Choose(daemon, "seccomp=unconfined"));
        Assert.Null(Choose(daemon, "seccomp:unconfined"));
        Assert.Equal("SCMP_ACT_TRAP", Choose(daemon, "label=x", """seccomp={"defaultAction":"SCMP_ACT_TRAP"}""")!.DefaultAction);
        Assert.Null(SeccompChoice.Of(new HostConfig { Privileged = true }, daemon, supported: true));
        Assert.NotNull(SeccompChoice.Of(new HostConfig { Privileged = true, SecurityOpt = ["""seccomp={"defaultAction":"SCMP_ACT_TRAP"}"""] }, daemon, supported: true));
        Assert.StartsWith("Decoding seccomp profile failed", Assert.Throws<ApiException>(() => Choose(daemon, "seccomp={")).Message);

        static SeccompProfile? Choose(SeccompProfile? daemon, params string[] options) =>
            SeccompChoice.Of(new HostConfig { SecurityOpt = [.. options] }, daemon, supported: true);
    }

    [Fact]
    public void WithoutSupportOnlyAProfileOfOnesOwnIsAnError()
    {
        Assert.Null(SeccompChoice.Of(new HostConfig(), DefaultSeccompProfile.Profile, supported: false));
        Assert.Throws<ApiException>(() => SeccompChoice.Of(new HostConfig { SecurityOpt = ["seccomp={}"] }, null, supported: false));
    }

    [Theory]
    [InlineData("""{"linux":{"seccomp":{"enabled":true}}}""", true)]
    [InlineData("""{"linux":{"seccomp":{"enabled":false}}}""", false)]
    [InlineData("""{"linux":{}}""", true)]
    [InlineData("No help topic for 'features'", true)]
    [InlineData("", true)]
    public void ARuntimesWordCounts(string features, bool takes) => Assert.Equal(takes, RuntimeFeatures.Says(Encoding.UTF8.GetBytes(features)));
}
