namespace AotRuntime.Images;

/// <summary>A text that is no image reference; the message is distribution/reference's.</summary>
public sealed class ReferenceException(string message) : Exception(message);
