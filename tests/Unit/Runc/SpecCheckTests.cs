using System.Text;
using AotRuntime.Runc;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Tests.Unit.Runc;

public class SpecCheckTests
{
    private static string? Refusal(string linux, string process = "\"cwd\":\"/\",\"args\":[\"x\"]", string more = "")
    {
        string json = $$"""{"root":{"path":"/r"},"process":{{{process}}},"linux":{{{linux}}}{{more}}}""";
        try
        {
            SpecCheck.Require(SpecFile.Parse(Encoding.UTF8.GetBytes(json), SpecJson.RuntimeSpec, "config.json"));
            return null;
        }
        catch (RuncException e)
        {
            return e.Message;
        }
    }

    [Theory]
    [InlineData("\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"pid\"}]", "malformed spec file: duplicated ns {\"pid\" \"\"}")]
    [InlineData("\"namespaces\":[{\"type\":\"moon\"}]", "namespace {\"moon\" \"\"} does not exist")]
    [InlineData("\"namespaces\":[{\"type\":\"user\"}]", "user namespaces enabled, but no uid mappings found")]
    [InlineData("\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":1}]", "user namespace mappings specified, but user namespace isn't enabled in the config")]
    [InlineData("\"maskedPaths\":[\"/x\"]", "unable to restrict sys entries without a private MNT namespace")]
    [InlineData("\"sysctl\":{\"kernel.panic\":\"1\"}", "sysctl \"kernel.panic\" is not in a separate kernel namespace")]
    [InlineData("\"sysctl\":{\"net.x\":\"1\"}", "sysctl \"net.x\" not allowed in host network namespace")]
    [InlineData("\"sysctl\":{\"net/../kernel/panic\":\"1\"},\"namespaces\":[{\"type\":\"network\"}]", "sysctl \"net/../kernel/panic\" is not in a separate kernel namespace")]
    [InlineData("\"sysctl\":{\"kernel.shmmax\":\"1\"}", "sysctl \"kernel.shmmax\" is not allowed in the hosts ipc namespace")]
    public void WhatCantBeDoneIsRefused(string linux, string message) => Assert.Equal(message, Refusal(linux));

    [Theory]
    [InlineData("\"cwd\":\"/\"", "args must not be empty")]
    [InlineData("\"args\":[\"x\"]", "Cwd property must not be empty")]
    [InlineData("\"args\":[\"x\"],\"cwd\":\"a\"", "Cwd must be an absolute path")]
    public void AProcessNeedsItsParts(string process, string message) => Assert.Equal(message, Refusal("", process));

    [Fact]
    public void AHostnameNeedsItsNamespace() =>
        Assert.Equal("unable to set hostname without a private UTS namespace", Refusal("", more: ",\"hostname\":\"h\""));

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{\"process\":{\"user\":{\"uid\":-1}}}")]
    [InlineData("{\"linux\":{\"namespaces\":{}}}")]
    public void JsonThatIsNoSpec(string json) =>
        Assert.Throws<RuncException>(() => SpecFile.Parse(Encoding.UTF8.GetBytes(json), SpecJson.RuntimeSpec, "config.json"));
}
