using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using AotRuntime.Json;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Bootstrap;
using Google.Protobuf;

namespace AotRuntime.Containerd;

/// <summary>Where a shim listens and what it speaks: its answer to <c>start</c>, and what <c>bootstrap.json</c> keeps for a restart.</summary>
internal sealed record BootstrapReply(
    [property: JsonPropertyName("version")] int Version,
    [property: JsonPropertyName("address")] string Address,
    [property: JsonPropertyName("protocol")] string Protocol)
{
    private const int NewestVersion = 3;

    /// <summary>The socket's path; an abstract one begins with @.</summary>
    [JsonIgnore]
    public string SocketPath => Address.StartsWith("unix://", StringComparison.Ordinal) ? Address["unix://".Length..] : Address;

    /// <summary>The Task service of the version that the shim speaks.</summary>
    [JsonIgnore]
    public ShimTaskMethods Methods => Version >= 3 ? ShimTaskMethods.V3 : ShimTaskMethods.V2;

    /// <summary>
    /// Reads an answer: a bare address (containerd up to 1.6), JSON (1.7 and later), or a BootstrapResult message (2.3 and later).
    /// </summary>
    /// <exception cref="RpcException">It is none of these, or a version or protocol that is not spoken here.</exception>
    public static BootstrapReply Parse(ReadOnlySpan<byte> output)
    {
        ReadOnlySpan<byte> text = output.Trim(" \r\n\t"u8);
        BootstrapReply? reply = null;
        if (text.StartsWith("{"u8))
        {
            try
            {
                reply = JsonText.Parse(text, ShimJson.BootstrapReply);
            }
            catch (JsonException e)
            {
                throw new RpcException(RpcStatus.Unknown, $"failed to parse the shim's answer: {e.Message}");
            }
        }
        else if (text.StartsWith("unix://"u8) || text.StartsWith("/"u8))
        {
            reply = new BootstrapReply(2, Encoding.UTF8.GetString(text), "ttrpc");
        }
        else if (output.Length > 0)
        {
            try
            {
                BootstrapResult result = BootstrapResult.Parser.ParseFrom(output);
                reply = new BootstrapReply(result.Version, result.Address, result.Protocol);
            }
            catch (InvalidProtocolBufferException e)
            {
                throw new RpcException(RpcStatus.Unknown, $"failed to parse the shim's answer: {e.Message}");
            }
        }

        if (reply is null || string.IsNullOrEmpty(reply.Address))
            throw new RpcException(RpcStatus.Unknown, "the shim gave no address");
        if (reply.Version > NewestVersion)
            throw ContainerdError.Unimplemented($"unsupported shim version ({reply.Version})");
        if (!string.Equals(reply.Protocol, "ttrpc", StringComparison.OrdinalIgnoreCase))
            throw ContainerdError.Unimplemented($"unexpected protocol: \"{reply.Protocol}\"");
        return reply;
    }

    public byte[] ToJson() => JsonText.ToBytes(this, ShimJson.BootstrapReply);
}

[JsonContext]
[JsonRoot(typeof(BootstrapReply))]
internal static partial class ShimJson;
