using System.Net.Sockets;
using System.Text;
using AotRuntime.Runc;
using AotRuntime.Runc.Systemd;

namespace AotRuntime.Tests.Unit.Runc;

/// <summary>The conversation with systemd, whose part a thread plays.</summary>
public sealed class SystemdManagerTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("aot-bus").FullName;
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly List<string> _calls = [];
    private uint _serial;

    public SystemdManagerTests()
    {
        _listener.Bind(new UnixDomainSocketEndPoint(_directory + "/bus"));
        _listener.Listen();
        Environment.SetEnvironmentVariable("DBUS_SYSTEM_BUS_ADDRESS", $"unix:path={_directory}/bus");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Environment.SetEnvironmentVariable("DBUS_SYSTEM_BUS_ADDRESS", null);
        _listener.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public void AUnitIsStartedWhenItsJobIsDone()
    {
        // The signal may overtake the answer, and others' jobs end meanwhile.
        Serve(call => call.Member switch
        {
            "StartTransientUnit" => [Removed("/job/1", "done"), Removed("/job/2", "failed"), Reply(call, "o", "/job/1")],
            _ => [Reply(call, "", "")],
        });
        using SystemdManager manager = SystemdManager.Open(user: false);
        manager.StartTransientUnit("a.scope", [new("PIDs", DBusValue.Array("u", [DBusValue.UInt32(7)]))]);
        Assert.Equal(["Hello", "AddMatch", "Subscribe", "StartTransientUnit s a.scope s replace a(sv) [[PIDs [[7]]]] a(sa(sv)) []"], _calls);
    }

    [Fact]
    public void AJobThatFailsIsTold()
    {
        Serve(call => call.Member == "StartTransientUnit" ? [Reply(call, "o", "/job/1"), Removed("/job/1", "failed")] : [Reply(call, "", "")]);
        using SystemdManager manager = SystemdManager.Open(user: false);
        Assert.Equal("error creating systemd unit `a.scope`: got `failed`", Assert.Throws<RuncException>(() => manager.StartTransientUnit("a.scope", [])).Message);
        Assert.Equal("ResetFailedUnit s a.scope", _calls[^1]);
    }

    [Fact]
    public void AUnitThatFailedAndWasLeftIsReplaced()
    {
        int starts = 0;
        Serve(call => call.Member switch
        {
            "StartTransientUnit" when starts++ == 0 => [Error(call, "org.freedesktop.systemd1.UnitExists", "it is there")],
            "StartTransientUnit" => [Reply(call, "o", "/job/1"), Removed("/job/1", "done")],
            _ => [Reply(call, "", "")],
        });
        using SystemdManager manager = SystemdManager.Open(user: false);
        manager.StartTransientUnit("a.scope", []);
        Assert.Equal(["ResetFailedUnit s a.scope", "StartTransientUnit s a.scope s replace a(sv) [] a(sa(sv)) []"], _calls[^2..]);
    }

    [Fact]
    public void OneThatStaysIsAnError()
    {
        Serve(call => call.Member == "StartTransientUnit" ? [Error(call, "org.freedesktop.systemd1.UnitExists", "it is there")] : [Reply(call, "", "")]);
        using SystemdManager manager = SystemdManager.Open(user: false);
        Assert.Equal("it is there", Assert.Throws<DBusError>(() => manager.StartTransientUnit("a.scope", [])).Message);
    }

    [Fact]
    public void AUnitThatIsGoneIsStopped()
    {
        Serve(call => call.Member is "StopUnit" or "ResetFailedUnit" ? [Error(call, "org.freedesktop.systemd1.NoSuchUnit", "gone")] : [Reply(call, "", "")]);
        using SystemdManager manager = SystemdManager.Open(user: false);
        manager.StopUnit("a.scope");
        Assert.Equal(["StopUnit s a.scope s replace", "ResetFailedUnit s a.scope"], _calls[^2..]);
    }

    [Fact]
    public void AConnectionThatEndsIsTold()
    {
        Serve(call => call.Member == "StopUnit" ? null : [Reply(call, "", "")]);
        using SystemdManager manager = SystemdManager.Open(user: false);
        Assert.Equal("D-Bus connection closed", Assert.Throws<RuncException>(() => manager.StopUnit("a.scope")).Message);
    }

    private void Serve(Func<DBusMessage, List<byte[]>?> answer) => new Thread(() =>
    {
        using Socket client = _listener.Accept();
        using var stream = new NetworkStream(client);
        Expect(stream, "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n");
        stream.Write("DATA\r\nOK 0123\r\n"u8);
        byte[] prefix = new byte[DBusMessage.PrefixLength];
        while (stream.ReadAtLeast(prefix, prefix.Length, throwOnEndOfStream: false) == prefix.Length)
        {
            byte[] message = new byte[DBusMessage.LengthOf(prefix)];
            prefix.CopyTo(message, 0);
            stream.ReadExactly(message, prefix.Length, message.Length - prefix.Length);
            DBusMessage call = DBusMessage.Parse(message);
            _calls.Add(call.Member is "AddMatch" ? call.Member : string.Join(' ', [call.Member, .. call.Body()]));
            if (answer(call) is not { } messages)
                return;
            foreach (byte[] one in messages)
                stream.Write(one);
        }
    })
    { IsBackground = true }.Start();

    private static void Expect(NetworkStream stream, string text)
    {
        byte[] bytes = new byte[text.Length];
        stream.ReadExactly(bytes);
        if (Encoding.ASCII.GetString(bytes) != text)
            throw new InvalidDataException(Encoding.ASCII.GetString(bytes));
    }

    private byte[] Reply(DBusMessage call, string signature, string text) =>
        Message(2, [new("y", 5), DBusValue.Variant(DBusValue.UInt32(call.Serial))], signature, signature.Length == 0 ? [] : [new DBusValue(signature, Text: text)]);

    private byte[] Error(DBusMessage call, string name, string text) =>
        Message(3, [new("y", 5), DBusValue.Variant(DBusValue.UInt32(call.Serial)), new("y", 4), DBusValue.Variant(DBusValue.String(name))], "s", [DBusValue.String(text)]);

    private byte[] Removed(string job, string result) => Message(4, [new("y", 3), DBusValue.Variant(DBusValue.String("JobRemoved"))], "uoss",
        [DBusValue.UInt32(1), new DBusValue("o", Text: job), DBusValue.String("a.scope"), DBusValue.String(result)]);

    private byte[] Message(byte type, List<DBusValue> fields, string signature, List<DBusValue> body)
    {
        DBusWriter content = new();
        body.ForEach(content.Write);
        if (signature.Length > 0)
            fields.AddRange([new("y", 8), DBusValue.Variant(new DBusValue("g", Text: signature))]);
        DBusWriter message = new();
        foreach (byte one in (byte[])[(byte)'l', type, 0, 1])
            message.Write(new DBusValue("y", one));
        message.Write(DBusValue.UInt32((uint)content.Length));
        message.Write(DBusValue.UInt32(++_serial));
        message.Write(DBusValue.Array("(yv)", [.. fields.Chunk(2).Select(f => DBusValue.Struct(f[0], f[1]))]));
        message.Pad(8);
        return [.. message.ToArray(), .. content.ToArray()];
    }
}
