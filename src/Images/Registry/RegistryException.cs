namespace AotRuntime.Images.Registry;

/// <summary>What kind of failure a registry's answer is, for the status code that a client of ours gets.</summary>
public enum RegistryFailure
{
    /// <summary>Anything else (500).</summary>
    Other,

    /// <summary>There is no such image, or it may not be seen (404).</summary>
    NotFound,

    /// <summary>Credentials are wrong or missing (401).</summary>
    Unauthorized,

    /// <summary>The request or what the registry holds makes no sense (400).</summary>
    Invalid,

    /// <summary>The registry asks for fewer requests (429).</summary>
    TooManyRequests,

    /// <summary>No answer at all: another endpoint may be tried.</summary>
    Unreachable,

    /// <summary>What came is not what the digest or size says.</summary>
    Corrupt,
}

/// <summary>A registry that answered with an error, or not as it should; the message is Docker's.</summary>
public sealed class RegistryException(string message, RegistryFailure failure, Exception? inner = null) : IOException(message, inner)
{
    /// <summary>What kind of failure it is.</summary>
    public RegistryFailure Failure { get; } = failure;

    /// <summary>Whether a second try makes no sense.</summary>
    public bool IsFinal => Failure is not (RegistryFailure.Unreachable or RegistryFailure.Other);
}
