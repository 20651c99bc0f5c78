using System.Runtime.InteropServices;

namespace AotRuntime.Docker;

/// <summary>What this client calls itself.</summary>
public static class Product
{
    /// <summary>The release of docker whose behaviour this one has.</summary>
    public const string Version = "28.5.2";

    /// <summary>In place of a commit: that this is another build.</summary>
    public const string Commit = "aotruntime";

    /// <summary>The newest API version that this client speaks.</summary>
    public const string ApiVersion = "1.51";

    /// <summary>Go's name of this machine's architecture.</summary>
    public static string Architecture => RuntimeInformation.ProcessArchitecture switch
    {
        System.Runtime.InteropServices.Architecture.X64 => "amd64",
        System.Runtime.InteropServices.Architecture.Arm64 => "arm64",
        System.Runtime.InteropServices.Architecture other => other.ToString().ToLowerInvariant(),
    };
}
