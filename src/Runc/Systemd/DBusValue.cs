using System.Globalization;
using System.Text;

namespace AotRuntime.Runc.Systemd;

/// <summary>A value of D-Bus (D-Bus specification, "Type System"): a number, a text, or what holds others.</summary>
/// <param name="Signature">Its type, one complete one.</param>
/// <param name="Number">Of a number or boolean, its bits.</param>
/// <param name="Text">Of a text, path or signature.</param>
/// <param name="Items">Of an array, struct or dictionary entry; of a variant the one that it holds.</param>
internal sealed record DBusValue(string Signature, ulong Number = 0, string? Text = null, List<DBusValue>? Items = null)
{
    public static DBusValue String(string text) => new("s", Text: text);

    public static DBusValue Boolean(bool value) => new("b", value ? 1u : 0);

    public static DBusValue UInt32(uint value) => new("u", value);

    public static DBusValue UInt64(ulong value) => new("t", value);

    public static DBusValue Variant(DBusValue value) => new("v", Items: [value]);

    public static DBusValue Struct(params List<DBusValue> fields)
    {
        var signature = new StringBuilder("(");
        foreach (DBusValue field in fields)
            signature.Append(field.Signature);
        return new DBusValue(signature.Append(')').ToString(), Items: fields);
    }

    public static DBusValue Array(string elements, List<DBusValue> items) => new("a" + elements, Items: items);

    public static DBusValue Strings(params ReadOnlySpan<string> texts)
    {
        var items = new List<DBusValue>();
        foreach (string text in texts)
            items.Add(String(text));
        return Array("s", items);
    }

    public static DBusValue Bytes(ReadOnlySpan<byte> bytes)
    {
        var items = new List<DBusValue>();
        foreach (byte one in bytes)
            items.Add(new DBusValue("y", one));
        return Array("y", items);
    }

    /// <summary>For messages and tests: "t 5", "as [a b]".</summary>
    public override string ToString() => $"{Signature} {Plain()}";

    private string Plain() => Items is not null ? $"[{string.Join(' ', Items.ConvertAll(i => i.Plain()))}]" : Text ?? Signature switch
    {
        "b" => Number != 0 ? "true" : "false",
        "n" or "i" or "x" => ((long)Number).ToString(CultureInfo.InvariantCulture),
        "d" => BitConverter.UInt64BitsToDouble(Number).ToString(CultureInfo.InvariantCulture),
        _ => Number.ToString(CultureInfo.InvariantCulture),
    };
}
