using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Formatting;

namespace AotRuntime.Docker.Commands.Containers;

/// <summary>A value of <c>--mount</c>: <c>type=bind,source=/a,target=/b,readonly</c>.</summary>
public sealed class MountOption
{
    private readonly Dictionary<string, string> _volumeLabels = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _volumeOptions = new(StringComparer.Ordinal);
    private string _type = "volume";
    private string _source = "";
    private string _target = "";
    private string _consistency = "";
    private string _propagation = "";
    private string _volumeDriver = "";
    private string _volumeSubpath = "";
    private string _imageSubpath = "";
    private bool _readOnly;
    private bool _noCopy;
    private bool _nonRecursive;
    private bool _readOnlyNonRecursive;
    private bool _readOnlyForceRecursive;
    private long _tmpfsSize;
    private uint _tmpfsMode;
    private bool _bind;
    private bool _volume;
    private bool _image;
    private bool _tmpfs;

    private MountOption()
    {
    }

    /// <summary>For the flag: checks, and gives the text back.</summary>
    public static string Validate(string text)
    {
        Parse(text);
        return text;
    }

    /// <summary>Parses <paramref name="text"/>.</summary>
    /// <exception cref="FlagValueException">It can't be read.</exception>
    public static MountOption Parse(string text)
    {
        MountOption mount = new();
        foreach (string field in CsvFields.Split(text))
        {
            int equals = field.IndexOf('=');
            string key = (equals < 0 ? field : field[..equals]).ToLowerInvariant();
            if (equals >= 0)
                mount.Set(key, field[(equals + 1)..], field);
            else
                mount.SetBare(key, field);
        }
        mount.Check();
        return mount;
    }

    private void SetBare(string key, string field)
    {
        switch (key)
        {
            case "readonly" or "ro":
                _readOnly = true;
                break;
            case "volume-nocopy":
                _noCopy = _volume = true;
                break;
            case "bind-nonrecursive":
                _nonRecursive = _bind = true;
                break;
            default:
                throw new FlagValueException($"invalid field '{field}' must be a key=value pair");
        }
    }

    private void Set(string key, string value, string field)
    {
        switch (key)
        {
            case "type":
                _type = value.ToLowerInvariant();
                break;
            case "source" or "src":
                _source = value.StartsWith('.') ? Path.GetFullPath(value) : value;
                break;
            case "target" or "dst" or "destination":
                _target = value;
                break;
            case "readonly" or "ro":
                _readOnly = Bool(key, value);
                break;
            case "consistency":
                _consistency = value.ToLowerInvariant();
                break;
            case "bind-propagation":
                (_propagation, _bind) = (value.ToLowerInvariant(), true);
                break;
            case "bind-nonrecursive":
                (_nonRecursive, _bind) = (Bool(key, value), true);
                break;
            case "bind-recursive":
                SetRecursion(key, value);
                break;
            case "volume-subpath":
                (_volumeSubpath, _volume) = (value, true);
                break;
            case "volume-nocopy":
                (_noCopy, _volume) = (Bool(key, value), true);
                break;
            case "volume-label":
                SetPair(_volumeLabels, value);
                break;
            case "volume-driver":
                (_volumeDriver, _volume) = (value, true);
                break;
            case "volume-opt":
                SetPair(_volumeOptions, value);
                break;
            case "image-subpath":
                (_imageSubpath, _image) = (value, true);
                break;
            case "tmpfs-size":
                _tmpfs = true;
                if (!ByteSize.TryParseRam(value, out _tmpfsSize))
                    throw new FlagValueException($"invalid value for {key}: {value}");
                break;
            case "tmpfs-mode":
                _tmpfs = true;
                _tmpfsMode = Octal(key, value);
                break;
            default:
                throw new FlagValueException($"unexpected key '{key}' in '{field}'");
        }
    }

    private void SetRecursion(string key, string value)
    {
        switch (value)
        {
            case "enabled":
                break;
            case "disabled":
                _nonRecursive = _bind = true;
                break;
            case "writable":
                _readOnlyNonRecursive = _bind = true;
                break;
            case "readonly":
                _readOnlyForceRecursive = _bind = true;
                break;
            default:
                throw new FlagValueException($"invalid value for {key}: {value} (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")");
        }
    }

    private void SetPair(Dictionary<string, string> map, string pair)
    {
        _volume = true;
        int equals = pair.IndexOf('=');
        string key = equals < 0 ? pair : pair[..equals];
        if (key.Length > 0)
            map[key] = equals < 0 ? "" : pair[(equals + 1)..];
    }

    private static bool Bool(string key, string value)
    {
        try
        {
            return FlagValues.Bool(value);
        }
        catch (FlagValueException)
        {
            throw new FlagValueException($"invalid value for {key}: {value}");
        }
    }

    private static uint Octal(string key, string value)
    {
        ulong mode = 0;
        foreach (char c in value)
        {
            if (c is < '0' or > '7' || (mode = (mode * 8) + (uint)(c - '0')) > uint.MaxValue)
                throw new FlagValueException($"invalid value for {key}: {value}");
        }
        return value.Length > 0 ? (uint)mode : throw new FlagValueException($"invalid value for {key}: {value}");
    }

    private void Check()
    {
        if (_type.Length == 0)
            throw new FlagValueException("type is required");
        if (_target.Length == 0)
            throw new FlagValueException("target is required");
        foreach ((bool used, string type) in (ReadOnlySpan<(bool, string)>)[(_volume, "volume"), (_image, "image"), (_bind, "bind"), (_tmpfs, "tmpfs")])
        {
            if (used && _type != type)
                throw new FlagValueException($"cannot mix '{type}-*' options with mount type '{_type}'");
        }
        if (_readOnlyNonRecursive && !_readOnly)
            throw new FlagValueException("option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction");
        if (_readOnlyForceRecursive && !_readOnly)
            throw new FlagValueException("option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction");
        if (_readOnlyForceRecursive && _propagation != "rprivate")
            throw new FlagValueException("option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction");
    }

    /// <summary>Writes it as the API has it.</summary>
    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.Text("Type", _type);
        writer.Text("Source", _source);
        writer.Text("Target", _target);
        writer.Switch("ReadOnly", _readOnly);
        writer.Text("Consistency", _consistency);
        if (_bind)
        {
            writer.WriteStartObject("BindOptions");
            writer.Text("Propagation", _propagation);
            writer.Switch("NonRecursive", _nonRecursive);
            writer.Switch("ReadOnlyNonRecursive", _readOnlyNonRecursive);
            writer.Switch("ReadOnlyForceRecursive", _readOnlyForceRecursive);
            writer.WriteEndObject();
        }
        if (_volume)
        {
            writer.WriteStartObject("VolumeOptions");
            writer.Switch("NoCopy", _noCopy);
            WriteMap(writer, "Labels", _volumeLabels);
            writer.Text("Subpath", _volumeSubpath);
            writer.WriteStartObject("DriverConfig");
            writer.Text("Name", _volumeDriver);
            WriteMap(writer, "Options", _volumeOptions);
            writer.WriteEndObject();
            writer.WriteEndObject();
        }
        if (_image)
        {
            writer.WriteStartObject("ImageOptions");
            writer.Text("Subpath", _imageSubpath);
            writer.WriteEndObject();
        }
        if (_tmpfs)
        {
            writer.WriteStartObject("TmpfsOptions");
            writer.NonZero("SizeBytes", _tmpfsSize);
            writer.NonZero("Mode", _tmpfsMode);
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
    }

    private static void WriteMap(Utf8JsonWriter writer, string name, Dictionary<string, string> map)
    {
        if (map.Count == 0)
            return;
        writer.WriteStartObject(name);
        foreach ((string key, string value) in map)
            writer.WriteString(key, value);
        writer.WriteEndObject();
    }
}
