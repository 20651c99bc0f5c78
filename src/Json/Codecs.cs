using System.Text.Json;

namespace AotRuntime.Json;

/// <summary>Reads a type. Apart from <see cref="IJsonWriter{T}"/>, so that what is only ever written brings no reading code into the program.</summary>
public interface IJsonReader<out T>
{
    /// <summary>Reads the value that the reader stands on, and leaves it on the value's last token.</summary>
    T? Read(ref Utf8JsonReader reader);
}

/// <summary>Writes a type.</summary>
public interface IJsonWriter<in T>
{
    /// <summary>Writes one value.</summary>
    void Write(Utf8JsonWriter writer, T? value);
}
