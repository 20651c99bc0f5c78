using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.References;

namespace AotRuntime.Docker.Commands.Images;

/// <summary><c>docker pull</c>.</summary>
public static class PullCommand
{
    /// <summary>Its place in the tree.</summary>
    public static Command Create() => new("pull", "[OPTIONS] NAME[:TAG|@DIGEST]", "Download an image from a registry", ArgumentRule.Exactly(1), static flags =>
    {
        Flag<bool> all = flags.Bool("all-tags", 'a', "Download all tags of the repository");
        flags.Bool("disable-content-trust", '\0', "Do not verify the image's signature", value: true);
        Flag<string> platform = flags.String("platform", '\0', "Platform to download, of a multi-platform image", Environment.GetEnvironmentVariable("DOCKER_DEFAULT_PLATFORM") ?? "");
        Flag<bool> quiet = flags.Bool("quiet", 'q', "Show the image's name only");
        return async (context, args) =>
        {
            ImageName name = ImageName.Parse(args[0]);
            if (all.Value && !name.IsNameOnly)
                throw new CommandException("tag can't be used with --all-tags/-a");
            if (!all.Value && name.IsNameOnly)
            {
                name = name.WithDefaultTag;
                if (!quiet.Value)
                    context.Out.Write("Using default tag: latest\n");
            }
            await ImagePull.RunAsync(context, name, platform.Value, quiet.Value ? null : context.Out).ConfigureAwait(false);
            context.Out.Write(name.Full + "\n");
            return 0;
        };
    })
    {
        FullNames = "docker image pull, docker pull",
        CommonRank = 5,
    };
}
