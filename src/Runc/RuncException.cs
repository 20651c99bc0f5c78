namespace AotRuntime.Runc;

/// <summary>What the user is told; the words are runc's where tools match on them.</summary>
public class RuncException : Exception
{
    /// <summary>An error of this text.</summary>
    public RuncException(string message)
        : base(message)
    {
    }

    /// <summary>An error of this text, with what led to it.</summary>
    public RuncException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
