namespace AotRuntime.Patterns;

/// <summary>A pattern cannot be read. The message is worded as Go's regexp package words it.</summary>
public sealed class PatternException(string message, string at) : FormatException($"error parsing regexp: {message}: `{at}`");
