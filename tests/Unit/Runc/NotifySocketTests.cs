using System.Text;
using AotRuntime.Runc.Containers;

namespace AotRuntime.Tests.Unit.Runc;

public class NotifySocketTests
{
    [Theory]
    [InlineData("READY=1", "READY=1\n")]
    [InlineData("STATUS=x\nREADY=1\nX=2", "READY=1\n")]
    [InlineData("NOTREADY=1\nSTATUS=READY=1", null)]
    [InlineData("", null)]
    public void OnlyTheLineThatTellsReadinessIsPassedOn(string message, string? line) =>
        Assert.Equal(line, NotifySocket.Ready(Encoding.UTF8.GetBytes(message)) is { } ready ? Encoding.UTF8.GetString(ready) : null);
}
