using System.Globalization;
using System.Text;
using System.Text.Json;
using AotRuntime.Json;
using AotRuntime.Linux;

namespace AotRuntime.Runc.Logging;

/// <summary>
/// The role's log, in logrus' two forms, to a file or standard error. Shims read the last error of the JSON form to
/// tell their users why a command failed.
/// </summary>
internal static class RuncLog
{
    private static string? s_file;
    private static bool s_json;
    private static bool s_debug;

    /// <summary>Whether lines go to standard error.</summary>
    public static bool ToStandardError => s_file is null;

    public static void Configure(string? file, bool json, bool debug)
    {
        s_file = string.IsNullOrEmpty(file) ? null : file;
        s_json = json;
        s_debug = debug;
    }

    public static void Debug(string message)
    {
        if (s_debug)
            Write("debug", message);
    }

    public static void Warn(string message) => Write("warning", message);

    public static void Error(string message) => Write("error", message);

    private static void Write(string level, string message)
    {
        byte[] line = Encoding.UTF8.GetBytes(Format(level, message, DateTimeOffset.Now, s_json));
        try
        {
            if (s_file is null)
            {
                Sys.WriteDescriptor(2, line);
                return;
            }
            using Microsoft.Win32.SafeHandles.SafeFileHandle file = Sys.Open(s_file, OpenFlags.WriteOnly | OpenFlags.Create | Append, 0x1a4);
            Sys.WriteDescriptor((int)file.DangerousGetHandle(), line);
        }
        catch (LinuxException)
        {
            // There is no third place to say that the log can't be written; the command's own result still counts.
            return;
        }
    }

    private const OpenFlags Append = (OpenFlags)0x400;

    /// <summary>One line as logrus prints it.</summary>
    internal static string Format(string level, string message, DateTimeOffset time, bool json)
    {
        string stamp = time.Offset == TimeSpan.Zero
            ? time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)
            : time.ToString("yyyy-MM-dd'T'HH:mm:sszzz", CultureInfo.InvariantCulture);
        return json
            ? $"{{\"level\":\"{level}\",\"msg\":{JsonText(message)},\"time\":\"{stamp}\"}}\n"
            : $"time=\"{stamp}\" level={level} msg={LogfmtText(message)}\n";
    }

    private static string JsonText(string text) => "\"" + JsonEncodedText.Encode(text, GoJsonEncoder.Html) + "\"";

    // logrus quotes what holds anything but letters, digits and -._/@^+ ; Go's %q escapes as C does.
    private static string LogfmtText(string text)
    {
        bool plain = text.Length > 0;
        foreach (char c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && !"-._/@^+".Contains(c))
                plain = false;
        }
        if (plain)
            return text;
        var quoted = new StringBuilder(text.Length + 8).Append('"');
        foreach (char c in text)
        {
            switch (c)
            {
                case '"' or '\\':
                    quoted.Append('\\').Append(c);
                    break;
                case '\n':
                    quoted.Append("\\n");
                    break;
                case '\r':
                    quoted.Append("\\r");
                    break;
                case '\t':
                    quoted.Append("\\t");
                    break;
                case < ' ':
                    quoted.Append(CultureInfo.InvariantCulture, $"\\x{(int)c:x2}");
                    break;
                default:
                    quoted.Append(c);
                    break;
            }
        }
        return quoted.Append('"').ToString();
    }
}
