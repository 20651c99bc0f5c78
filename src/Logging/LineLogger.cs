using System.Buffers;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;

namespace AotRuntime.Logging;

/// <summary>
/// An <see cref="ILogger"/> that writes lines. Values named in the message's template are part of the message only; values that
/// the template does not name become fields, as with logrus's WithField, and so do those of scopes.
/// </summary>
internal sealed class LineLogger(string? module, LogOptions options) : ILogger
{
    [ThreadStatic]
    private static StringBuilder? t_line;

    private static readonly AsyncLocal<Scope?> s_scope = new();

    public bool IsEnabled(LogLevel logLevel) => logLevel >= options.Level && logLevel != LogLevel.None;

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull
    {
        Scope scope = new(state as IEnumerable<KeyValuePair<string, object?>>, s_scope.Value);
        s_scope.Value = scope;
        return scope;
    }

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!IsEnabled(logLevel))
            return;

        List<KeyValuePair<string, string>> fields = [];
        if (module is not null)
            fields.Add(new("module", module));
        for (Scope? scope = s_scope.Value; scope is not null; scope = scope.Outer)
            AddFields(fields, scope.Values);
        AddFields(fields, state as IEnumerable<KeyValuePair<string, object?>>);
        if (exception is not null)
            fields.Add(new("error", exception.Message));
        fields.Sort(static (a, b) => string.CompareOrdinal(a.Key, b.Key));

        // logrus, as containerd and dockerd set it up, prints RFC 3339 with nine digits of the second.
        DateTimeOffset now = options.Clock.GetUtcNow();
        string time = now.ToString("yyyy-MM-ddTHH:mm:ss.fffffff'00Z'", CultureInfo.InvariantCulture);
        string message = formatter(state, exception);

        StringBuilder line = t_line ??= new StringBuilder(256);
        line.Clear();
        if (options.Format == LogFormat.Json)
            LineFormat.Json(line, time, AotRuntime.Logging.Log.LevelName(logLevel), message, fields);
        else
            LineFormat.Text(line, time, AotRuntime.Logging.Log.LevelName(logLevel), message, fields);
        Write(line);
    }

    private void Write(StringBuilder line)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(line.Length));
        int length = 0;
        Encoder encoder = Encoding.UTF8.GetEncoder();
        foreach (ReadOnlyMemory<char> chunk in line.GetChunks())
            length += encoder.GetBytes(chunk.Span, buffer.AsSpan(length), flush: false);
        options.WriteLine(buffer.AsSpan(0, length));
        ArrayPool<byte>.Shared.Return(buffer);
        if (line.Capacity > 16 * 1024)
            t_line = null;
    }

    private static void AddFields(List<KeyValuePair<string, string>> fields, IEnumerable<KeyValuePair<string, object?>>? values)
    {
        if (values is null)
            return;
        string template = "";
        foreach (KeyValuePair<string, object?> value in values)
        {
            if (value.Key == "{OriginalFormat}")
                template = value.Value as string ?? "";
        }
        foreach (KeyValuePair<string, object?> value in values)
        {
            if (value.Key == "{OriginalFormat}" || Names(template, value.Key))
                continue;
            string key = value.Key.TrimStart('@'); // a parameter named by a C# keyword
            if (fields.Exists(f => f.Key == key))
                continue;
            fields.Add(new(key, value.Value switch
            {
                null => "<nil>",
                string s => s,
                bool b => b ? "true" : "false",
                Exception e => e.Message,
                IFormattable f => f.ToString(null, CultureInfo.InvariantCulture),
                object o => o.ToString() ?? "",
            }));
        }
    }

    /// <summary>Whether the template has <c>{key}</c>, <c>{key:format}</c> or <c>{key,width}</c>.</summary>
    private static bool Names(string template, string key)
    {
        for (int at = template.IndexOf('{', StringComparison.Ordinal); at >= 0; at = template.IndexOf('{', at + 1))
        {
            int end = at + 1 + key.Length;
            if (end < template.Length && template[end] is '}' or ':' or ','
                && template.AsSpan(at + 1, key.Length).Equals(key, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }
        return false;
    }

    private sealed class Scope(IEnumerable<KeyValuePair<string, object?>>? values, Scope? outer) : IDisposable
    {
        public IEnumerable<KeyValuePair<string, object?>>? Values { get; } = values;

        public Scope? Outer { get; } = outer;

        public void Dispose() => s_scope.Value = Outer;
    }
}
