using System.Text;
using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Configuration;
using AotRuntime.Docker.Terminals;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Docker.Commands.Registry;

/// <summary><c>docker login</c> and <c>docker logout</c>.</summary>
public static class LoginCommands
{
    private const int LongestPassword = 1024 * 1024;

    /// <summary><c>docker login</c>.</summary>
    public static Command Login() => new("login", "[OPTIONS] [SERVER]", "Log in to a registry", ArgumentRule.AtMost(1), static flags =>
    {
        Flag<string> password = flags.String("password", 'p', "Password or token");
        Flag<bool> fromStdin = flags.Bool("password-stdin", '\0', "Read the password or token from standard input");
        Flag<string> username = flags.String("username", 'u', "User name");
        return (context, args) =>
        {
            if (fromStdin.Changed && password.Changed)
                throw new CommandException("conflicting options: cannot specify both --password and --password-stdin");
            if (fromStdin.Changed && !username.Changed)
                throw new CommandException("the --password-stdin option requires --username to be set");
            if (username.Changed && username.Value.Length == 0)
                throw new CommandException("username is empty");
            if (password.Changed && password.Value.Length == 0)
                throw new CommandException("password is empty");
            return LoginAsync(context, args.Length > 0 ? args[0] : "", username.Value, password.Value, fromStdin.Value);
        };
    })
    {
        Description = "Log in to a registry, Docker Hub if none is named.",
        CommonRank = 8,
    };

    private static async Task<int> LoginAsync(CliContext context, string server, string username, string password, bool fromStdin)
    {
        if (password.Length > 0)
            context.Error.Write("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
        string registry = server is "" or "docker.io" ? ConfigFile.HubKey : HostName(server);
        if (fromStdin)
            password = ReadAll().TrimEnd('\n').TrimEnd('\r');

        if (username.Length == 0 && password.Length == 0
            && context.Config.Auths.TryGetValue(registry, out RegistryAuth? stored) && stored.Username.Length > 0 && stored.Password.Length > 0)
        {
            context.Error.Write($"Authenticating with existing credentials... [Username: {stored.Username}]\n");
            (username, password) = (stored.Username, stored.Password);
        }
        else if (username.Length == 0 || password.Length == 0)
        {
            if (!Terminal.IsTerminal(0))
                throw new CommandException("Error: Cannot perform an interactive login from a non TTY device");
            if (username.Length == 0)
            {
                context.Out.Write("Username: ");
                username = Confirmation.ReadLine().Trim();
                if (username.Length == 0)
                    throw new CommandException("Error: Non-null Username Required");
            }
            if (password.Length == 0)
                password = AskPassword(context);
            if (password.Length == 0)
                throw new CommandException("Error: Password Required");
        }

        RegistryAuth auth = new(username, password, "", registry);
        using JsonDocument answer = await context.Engine.PostJsonAsync("/auth", auth.ToJson()).ConfigureAwait(false);
        string token = answer.RootElement.Text("IdentityToken");
        if (token.Length > 0)
            auth = auth with { Password = "", IdentityToken = token };
        context.Config.Store(registry, auth);
        context.Error.Write($"\nWARNING! Your credentials are stored unencrypted in '{context.Config.FilePath}'.\nConfigure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n\n");
        if (answer.RootElement.Text("Status") is { Length: > 0 } status)
            context.Out.Write(status + "\n");
        return 0;
    }

    private static string ReadAll()
    {
        using SafeFileHandle input = new(0, ownsHandle: false);
        using MemoryStream all = new();
        byte[] block = new byte[4096];
        int length;
        while ((length = Sys.Read(input, block, "stdin")) > 0 && all.Length < LongestPassword)
            all.Write(block, 0, length);
        return Encoding.UTF8.GetString(all.ToArray());
    }

    private static string AskPassword(CliContext context)
    {
        context.Out.Write("Password: ");
        Sys.TryGetTerminalAttributes(0, out TerminalAttributes before);
        Sys.SetTerminalAttributes(0, before.WithoutEcho());
        try
        {
            return Confirmation.ReadLine();
        }
        finally
        {
            Sys.SetTerminalAttributes(0, before);
            context.Out.Write("\n");
        }
    }

    // Credentials are kept by host: without scheme and path.
    private static string HostName(string server)
    {
        int scheme = server.IndexOf("://", StringComparison.Ordinal);
        string host = scheme < 0 ? server : server[(scheme + 3)..];
        int slash = host.IndexOf('/');
        return slash < 0 ? host : host[..slash];
    }

    /// <summary><c>docker logout</c>.</summary>
    public static Command Logout() => new("logout", "[SERVER]", "Log out from a registry", ArgumentRule.AtMost(1), static _ => static (context, args) =>
    {
        string server = args.Length > 0 ? args[0] : ConfigFile.HubKey;
        string host = args.Length > 0 ? HostName(server) : server;
        context.Out.Write($"Removing login credentials for {host}\n");
        foreach (string key in new HashSet<string> { server, host, $"http://{host}", $"https://{host}" })
            context.Config.Erase(key);
        return Task.FromResult(0);
    })
    {
        Description = "Log out from a registry, Docker Hub if none is named.",
        CommonRank = 9,
    };
}
