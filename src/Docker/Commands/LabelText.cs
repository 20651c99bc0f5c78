using System.Text.Json;
using AotRuntime.Docker.Api;

namespace AotRuntime.Docker.Commands;

/// <summary>Labels on one line.</summary>
public static class LabelText
{
    /// <summary>The labels of <paramref name="element"/>, sorted: <c>a=1,b=2</c>.</summary>
    public static string Join(JsonElement element)
    {
        List<string> labels = [];
        foreach (JsonProperty label in element.Members("Labels"))
            labels.Add($"{label.Name}={label.Value.GetString()}");
        labels.Sort(string.CompareOrdinal);
        return string.Join(',', labels);
    }
}
