using System.Globalization;
using System.Text;
using AotRuntime.Linux;
using AotRuntime.Runc.Containers;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Runc.Seccomp;

/// <summary>Hands the listener of a filter that notifies to who decides (config-linux.md, "The Container Process State").</summary>
internal static class SeccompListener
{
    /// <summary>Takes the descriptor from the process, which goes on by <paramref name="proceed"/>, and sends it.</summary>
    /// <exception cref="RuncException">Nobody could be told.</exception>
    public static void Send(SeccompProgram program, SafeFileHandle process, int pid, int descriptor, string state, Action proceed)
    {
        using SafeFileHandle listener = Sys.PidFdGetFd(process, descriptor);
        // It can wait for its listener by itself, should it meet a rule already.
        proceed();
        SafeFileHandle socket;
        try
        {
            socket = Launcher.ConnectUnix(program.ListenerPath!);
        }
        catch (LinuxException e)
        {
            throw new RuncException($"failed to connect with seccomp agent specified in the seccomp profile: dial unix {program.ListenerPath}: connect: {e.Errno.Text()}", e);
        }
        using (socket)
        {
            var text = new StringBuilder();
            text.Append(CultureInfo.InvariantCulture, $"{{\"ociVersion\":\"{RuncRole.SpecVersion}\",\"fds\":[\"seccompFd\"],\"pid\":{pid}");
            if (!string.IsNullOrEmpty(program.ListenerMetadata))
                text.Append(",\"metadata\":").Append(Container.Quote(program.ListenerMetadata));
            text.Append(",\"state\":").Append(state).Append('}');
            try
            {
                Launcher.SendDescriptor(socket, text.ToString(), listener);
            }
            catch (LinuxException e)
            {
                throw new RuncException($"cannot send seccomp fd to {program.ListenerPath}: {e.Errno.Text()}", e);
            }
        }
    }
}
