namespace AotRuntime.Docker.Templates;

/// <summary>A template that can't be read or run; the message is Go's.</summary>
public sealed class TemplateException(string message) : Exception(message);
