namespace AotRuntime.Containerd.Ctr;

/// <summary><c>images pull</c>.</summary>
internal static class CtrPull
{
    public static Task<int> RunAsync(CtrClient client, List<string> rest) =>
        throw new CtrException($"pull of {string.Join(' ', rest)} in namespace {client.Namespace} is not supported yet");
}
