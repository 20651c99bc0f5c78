using System.Buffers;
using System.Text;
using System.Text.Json;
using AotRuntime.Json;

namespace AotRuntime.Tests.Unit.Json;

public sealed class GoJsonEncoderTests
{
    public static TheoryData<string, string> Texts { get; } = new()
    {
        { "", "" },
        { "plain", "plain" },
        { "\"\\", @"\""\\" },
        { "\b\f\n\r\t", @"\b\f\n\r\t" },
        { "\0\u0001\u001f\u007f", @"\u0000\u0001\u001f" + "\u007f" },
        { "<a href='x'>&amp;+`</a>", @"\u003ca href='x'\u003e\u0026amp;+`\u003c/a\u003e" },
        { "\u2027\u2028\u2029\u202a", "\u2027" + @"\u2028\u2029" + "\u202a" },
        { "ä漢字\u0378\ufdd0", "ä漢字\u0378\ufdd0" },
        { "😀\U0010ffff", "😀\U0010ffff" },
        { "a\ud83d", @"a\ufffd" },
        { "\ude00a<", @"\ufffda\u003c" },
    };

    [Theory]
    [MemberData(nameof(Texts))]
    public void Text_is_escaped_as_by_Go(string text, string expected)
    {
        Assert.Equal($"\"{expected}\"", Written(text, GoJsonEncoder.Html));
        Assert.Equal($"{{\"{expected}\":1}}", Named(text, GoJsonEncoder.Html));
        // Beyond what is looked at in one step, and beyond what the writer keeps on the stack.
        string far = new('x', 1000);
        Assert.Equal($"\"{far}{expected}{far}\"", Written(far + text + far, GoJsonEncoder.Html));
    }

    [Fact]
    public void Without_HTML_its_characters_stay()
    {
        Assert.Equal(@"""<a>&\n\u2028""", Written("<a>&\n\u2028", GoJsonEncoder.Plain));
    }

    [Theory]
    [InlineData("a<ä\u2028😀")]
    [InlineData("plain ä 😀")]
    public void Bytes_and_characters_are_escaped_alike(string text)
    {
        var output = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(output, new JsonWriterOptions { Encoder = GoJsonEncoder.Html }))
            json.WriteStringValue(Encoding.UTF8.GetBytes(text));
        Assert.Equal(Written(text, GoJsonEncoder.Html), Encoding.UTF8.GetString(output.WrittenSpan));
    }

    [Fact]
    public void Every_character_reads_back()
    {
        var all = new StringBuilder();
        for (int c = 0; c <= 0x10ffff; c++)
            if (Rune.IsValid(c))
                all.Append(new Rune(c).ToString());
        foreach (GoJsonEncoder encoder in new[] { GoJsonEncoder.Html, GoJsonEncoder.Plain })
            Assert.Equal(all.ToString(), JsonDocument.Parse(Written(all.ToString(), encoder)).RootElement.GetString());
    }

    private static string Written(string text, GoJsonEncoder encoder) => Document(encoder, json => json.WriteStringValue(text));

    private static string Named(string text, GoJsonEncoder encoder) => Document(encoder, json =>
    {
        json.WriteStartObject();
        json.WriteNumber(text, 1);
        json.WriteEndObject();
    });

    private static string Document(GoJsonEncoder encoder, Action<Utf8JsonWriter> write)
    {
        var output = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(output, new JsonWriterOptions { Encoder = encoder }))
            write(json);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }
}
