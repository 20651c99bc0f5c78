using AotRuntime.Linux;

namespace AotRuntime.Tests.Unit.Linux;

public class LinuxExceptionTests
{
    [Fact]
    public void A_failed_call_names_call_subject_and_reason()
    {
        LinuxException e = Assert.Throws<LinuxException>(() => Sys.Kill(int.MaxValue, 0));
        Assert.Equal(Errno.ESRCH, e.Errno);
        Assert.Equal("kill 2147483647: no such process", e.Message);
    }
}
