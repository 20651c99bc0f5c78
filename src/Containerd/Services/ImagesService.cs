using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Events;
using AotRuntime.Rpc.Containerd.Images;
using AotRuntime.Rpc.Containerd.Types;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Containerd;

/// <summary>containerd.services.images.v1: names for content.</summary>
internal sealed class ImagesService(MetadataStore metadata, EventExchange events, GarbageCollector collector)
{
    public void Register(RpcServiceTable table)
    {
        table.Unary(ImagesMethods.Get, (r, c) => Get(r, c));
        table.Unary(ImagesMethods.List, (r, c) => List(r, c));
        table.Unary(ImagesMethods.Create, (r, c) => Create(r, c));
        table.Unary(ImagesMethods.Update, (r, c) => Update(r, c));
        table.Unary(ImagesMethods.Delete, DeleteAsync);
    }

    public GetImageResponse Get(GetImageRequest request, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        return new GetImageResponse
        {
            Image = metadata.Database.Read(s => metadata.Images.Get(s, ns, request.Name)) ?? throw NotFound(request.Name),
        };
    }

    public ListImagesResponse List(ListImagesRequest request, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        Filter filter = Filter.Parse(request.Filters);
        ListImagesResponse response = new();
        foreach (Image image in metadata.Database.Read(s => metadata.Images.List(s, ns)))
        {
            if (filter.Matches(path => Field(image, path)))
                response.Images.Add(image);
        }
        return response;
    }

    public CreateImageResponse Create(CreateImageRequest request, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        Image image = request.Image?.Clone() ?? new Image();
        if (image.Name.Length == 0)
            throw new RpcException(RpcStatus.InvalidArgument, "Image.Name required");
        Check(image);
        image.CreatedAt = request.SourceDateEpoch ?? Labels.Now();
        image.UpdatedAt = image.CreatedAt;
        metadata.Database.Write(session =>
        {
            // One that never expires needs no lease.
            if (ReferenceLabels.Expiry(image.Labels) is not null)
                metadata.AddToLease(session, ns, CallScope.Lease(context), "images", image.Name);
            if (!metadata.Images.Insert(session, ns, image.Name, image))
                throw ContainerdError.AlreadyExists($"image \"{image.Name}\"");
        });
        ImageCreate created = new() { Name = image.Name };
        Labels.Replace(created.Labels, image.Labels);
        events.Publish(ns, "/images/create", TypeUrls.ImageCreate, created);
        return new CreateImageResponse { Image = image };
    }

    public UpdateImageResponse Update(UpdateImageRequest request, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        Image wanted = request.Image ?? new Image();
        if (wanted.Name.Length == 0)
            throw new RpcException(RpcStatus.InvalidArgument, "Image.Name required");
        Image updated = metadata.Database.Write(session =>
        {
            Image image = metadata.Images.Get(session, ns, wanted.Name) ?? throw NotFound(wanted.Name);
            if (request.UpdateMask is null || request.UpdateMask.Paths.Count == 0)
            {
                Labels.Replace(image.Labels, wanted.Labels);
                image.Target = wanted.Target?.Clone();
            }
            else
            {
                foreach (string path in request.UpdateMask.Paths)
                    ApplyPath(path, image, wanted);
            }
            Check(image);
            image.UpdatedAt = request.SourceDateEpoch ?? Labels.Now();
            metadata.Images.Update(session, ns, image.Name, image);
            return image;
        });
        ImageUpdate update = new() { Name = updated.Name };
        Labels.Replace(update.Labels, updated.Labels);
        events.Publish(ns, "/images/update", TypeUrls.ImageUpdate, update);
        collector.Schedule();
        return new UpdateImageResponse { Image = updated };
    }

    public async RpcAnswer<Empty> DeleteAsync(DeleteImageRequest request, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        metadata.Database.Write(session =>
        {
            Image image = metadata.Images.Get(session, ns, request.Name) ?? throw NotFound(request.Name);
            if (request.Target is { Digest.Length: > 0 } target && target.Digest != image.Target?.Digest)
                throw ContainerdError.NotFound($"image \"{request.Name}\" has target {image.Target?.Digest}, not {target.Digest}");
            metadata.Images.Delete(session, ns, request.Name);
            MetadataStore.RemoveFromLease(session, ns, null, "images", request.Name);
        });
        events.Publish(ns, "/images/delete", TypeUrls.ImageDelete, new ImageDelete { Name = request.Name });
        if (request.Sync)
            await collector.CollectAsync().ConfigureAwait(false);
        else
            collector.Schedule();
        return new Empty();
    }

    private static void ApplyPath(string path, Image image, Image wanted)
    {
        const string annotations = "annotations.";
        if (Labels.ApplyPath(path, image.Labels, wanted.Labels))
            return;
        if (path == "target")
        {
            image.Target = wanted.Target?.Clone();
        }
        else if (path.StartsWith(annotations, StringComparison.Ordinal))
        {
            string key = path[annotations.Length..];
            image.Target ??= new OciDescriptor();
            image.Target.Annotations[key] = wanted.Target?.Annotations.GetValueOrDefault(key) ?? "";
        }
        else
        {
            throw ContainerdError.InvalidArgument($"cannot update \"{path}\" field on image \"{image.Name}\"");
        }
    }

    private static void Check(Image image)
    {
        Labels.Check(image.Labels, "image.Labels");
        string digest = image.Target?.Digest ?? "";
        if (ContentDigest.Problem(digest) is { } problem)
            throw ContainerdError.InvalidArgument($"Target.Digest \"{digest}\" invalid: {problem}");
        if (image.Target!.Size <= 0)
            throw ContainerdError.InvalidArgument("Target.Size must be greater than zero");
        if (image.Target.MediaType.Length == 0)
            throw ContainerdError.InvalidArgument("Target.MediaType must be set");
    }

    private static RpcException NotFound(string name) => ContainerdError.NotFound($"image \"{name}\"");

    private static string? Field(Image image, ReadOnlySpan<string> path) => path switch
    {
        ["name"] => image.Name,
        ["target", "digest"] => image.Target?.Digest,
        ["target", "mediatype"] => image.Target?.MediaType,
        ["labels", ..] => Labels.Field(image.Labels, path),
        ["annotations", ..] when image.Target is not null => Labels.Field(image.Target.Annotations, path),
        _ => null,
    };
}
