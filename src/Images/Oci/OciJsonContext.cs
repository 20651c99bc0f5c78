using AotRuntime.Images.Registry;
using AotRuntime.Json;

namespace AotRuntime.Images;

/// <summary>JSON of image documents and of registries' answers.</summary>
[JsonContext(CamelCase = true, OmitNulls = true)]
[JsonRoot(typeof(Manifest))]
[JsonRoot(typeof(ImageIndex))]
[JsonRoot(typeof(ManifestProbe))]
[JsonRoot(typeof(ImageConfig))]
[JsonRoot(typeof(RegistryErrorList))]
[JsonRoot(typeof(TokenResponse))]
[JsonRoot(typeof(TagList))]
[JsonRoot(typeof(RepositoryList))]
public static partial class OciJsonContext;
