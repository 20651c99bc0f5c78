using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using System.Net;
using AotRuntime.Rpc.Containerd.Version;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core;

// kestrel H1-PORT H1-SOCKET H2-PORT H2-SOCKET: `_ping` as dockerd answers it, and containerd's Version service.
WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders();
builder.Services.AddGrpc();
builder.WebHost.ConfigureKestrel(options =>
{
    options.AddServerHeader = true;
    options.Listen(IPAddress.Loopback, int.Parse(args[0]), l => l.Protocols = HttpProtocols.Http1);
    options.ListenUnixSocket(args[1], l => l.Protocols = HttpProtocols.Http1);
    options.Listen(IPAddress.Loopback, int.Parse(args[2]), l => l.Protocols = HttpProtocols.Http2);
    options.ListenUnixSocket(args[3], l => l.Protocols = HttpProtocols.Http2);
});
WebApplication app = builder.Build();
byte[] ok = "OK"u8.ToArray();
// Before routing, so that the request meets nothing but the server and this.
app.Use((context, next) =>
{
    if (context.Request.Path.Value != "/_ping")
        return next(context);
    HttpResponse response = context.Response;
    response.ContentType = "text/plain; charset=utf-8";
    response.ContentLength = ok.Length;
    response.Headers["Api-Version"] = "1.51";
    response.Headers["Builder-Version"] = "1";
    response.Headers.CacheControl = "no-cache, no-store, must-revalidate";
    response.Headers["Docker-Experimental"] = "false";
    response.Headers["Ostype"] = "linux";
    response.Headers.Pragma = "no-cache";
    response.Headers["Swarm"] = "inactive";
    return response.Body.WriteAsync(ok).AsTask();
});
// What the HTTP/2 conformance suite asks a server for (tests/Unit/Http/Http2/Http2Target.cs).
byte[] big = new byte[100_000];
app.Use(async (context, next) =>
{
    if (context.Request.Path.Value is not ("/" or "/big"))
    {
        await next(context);
        return;
    }
    await context.Request.Body.CopyToAsync(Stream.Null);
    await context.Response.Body.WriteAsync(context.Request.Path.Value == "/" ? ok : big);
});
app.UseRouting();
app.MapGrpcService<VersionService>();
app.Run();

internal sealed class VersionService : AotRuntime.Rpc.Containerd.Version.Version.VersionBase
{
    public override Task<VersionResponse> Version(Empty request, ServerCallContext context) =>
        Task.FromResult(new VersionResponse { Version = "2.1.4", Revision = "kestrel" });
}
