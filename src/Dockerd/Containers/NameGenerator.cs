using AotRuntime.Linux;

namespace AotRuntime.Dockerd.Containers;

/// <summary>Ids and names for containers that were given none.</summary>
internal static class NameGenerator
{
    private static readonly string[] s_moods =
    [
        "able", "agile", "airy", "amber", "ample", "ardent", "bold", "brave", "breezy", "bright", "brisk", "calm", "candid", "careful",
        "cheerful", "clever", "cosy", "curious", "daring", "deft", "eager", "earnest", "easy", "fair", "fearless", "festive", "fluent",
        "fond", "frank", "gentle", "gifted", "glad", "graceful", "handy", "happy", "hardy", "honest", "humble", "jolly", "keen", "kind",
        "lively", "lucid", "lucky", "mellow", "merry", "mild", "modest", "neat", "nimble", "noble", "patient", "plucky", "polite",
        "proud", "quick", "quiet", "ready", "sharp", "silent", "sincere", "smart", "sober", "steady", "stoic", "sunny", "tender",
        "tidy", "tranquil", "trusty", "upbeat", "valiant", "vivid", "warm", "wary", "wise", "witty", "zealous",
    ];

    private static readonly string[] s_people =
    [
        "abel", "ampere", "archimedes", "babbage", "bernoulli", "bohr", "boole", "brahe", "carson", "cauchy", "celsius", "clarke",
        "copernicus", "curie", "darwin", "descartes", "dirac", "doppler", "einstein", "erdos", "euclid", "euler", "faraday", "fermat",
        "fermi", "feynman", "fourier", "franklin", "galileo", "galois", "gauss", "germain", "goodall", "hamilton", "hertz", "hilbert",
        "hopper", "hubble", "huygens", "hypatia", "jacobi", "joule", "kepler", "kelvin", "knuth", "kovalevskaya", "lagrange", "laplace",
        "lavoisier", "leibniz", "liskov", "lovelace", "maxwell", "mendel", "mendeleev", "minkowski", "morse", "napier", "newton",
        "noether", "nobel", "ohm", "pascal", "pasteur", "pauli", "planck", "poincare", "ptolemy", "ramanujan", "riemann", "ritchie",
        "rutherford", "sagan", "shannon", "somerville", "tesla", "thales", "thompson", "torvalds", "turing", "volta", "watt", "wiles", "wing",
    ];

    /// <summary>Whether a text is an id in full.</summary>
    public static bool IsId(string text) => text.Length == 64 && !text.AsSpan().ContainsAnyExcept("0123456789abcdef");

    /// <summary>A new id: 64 hexadecimal digits. One whose short form is all digits is not taken: it could be taken for a number.</summary>
    public static string NewId()
    {
        while (true)
        {
            string id = RandomSource.Hex(32);
            if (id.AsSpan(0, 12).IndexOfAnyExceptInRange('0', '9') >= 0)
                return id;
        }
    }

    /// <summary>A new name, <c>adjective_surname</c>; later attempts get a digit.</summary>
    public static string NewName(int attempt)
    {
        string name = $"{s_moods[RandomSource.Below(s_moods.Length)]}_{s_people[RandomSource.Below(s_people.Length)]}";
        return attempt == 0 ? name : name + RandomSource.Below(10).ToString(System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>Whether a client may give a container this name.</summary>
    public static bool IsValid(string name) =>
        name.Length > 1 && char.IsAsciiLetterOrDigit(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-');
}
