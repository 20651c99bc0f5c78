using System.Text;
using AotRuntime.Runc.Systemd;

namespace AotRuntime.Tests.Fuzz.Targets;

/// <summary>What systemd may answer, and what an annotation may hold: values that can be written and read again, or an error of the format.</summary>
internal sealed class DBusTarget : Target
{
    public override string Name => "dbus";

    public override IReadOnlyList<string> Words =>
    [
        "uoss", "a(yv)", "as", "v", "(", ")", "{", "}", "\0", "l\u0002\0\u0001", "l\u0004\u0001\u0001", "\u0005\u0001u\0", "\u0008\u0001g\0", "uint64 ", "@as []", "['a', 'b']", "'", "\\", "-0x7f", "1e9", "true",
    ];

    public override IEnumerable<byte[]> Seeds =>
    [
        DBusMessage.Call(1, "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "StartTransientUnit",
            [DBusValue.String("a.scope"), DBusValue.Array("(sv)", [DBusValue.Struct(DBusValue.String("PIDs"), DBusValue.Variant(DBusValue.Array("u", [DBusValue.UInt32(5)])))])]).ToArray(),
        Latin1("l\u0002\u0001\u0001\u0008\0\0\0\u0001\0\0\0\u000f\0\0\0\u0005\u0001u\0\u0001\0\0\0\u0008\u0001g\0\u0001s\0\0\u0003\0\0\0abc\0"),
        Utf8("['a', \"b\"]"), Utf8("uint64 123456789"), Utf8("@as []"), Utf8("[[1, -0x2], [3]]"), Utf8("1.5e3"),
    ];

    public override Task RunAsync(byte[] input, Random random)
    {
        try
        {
            if (input.Length >= DBusMessage.PrefixLength && DBusMessage.LengthOf(input) is var length && length <= input.Length)
            {
                foreach (DBusValue value in DBusMessage.Parse(input.AsSpan(0, length)).Body())
                    Again(value);
            }
        }
        catch (DBusFormatException)
        {
            // The connection is given up.
        }
        try
        {
            Again(PropertyText.Parse(Encoding.UTF8.GetString(input)));
        }
        catch (FormatException)
        {
            // The user is told.
        }
        return Task.CompletedTask;
    }

    private static void Again(DBusValue value)
    {
        DBusWriter writer = new();
        writer.Write(value);
        Same(value.ToString(), new DBusReader(writer.ToArray()).Values(value.Signature).Single().ToString(), "value");
    }
}
