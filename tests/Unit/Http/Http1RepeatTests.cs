using System.Text;
using AotRuntime.Http;

namespace AotRuntime.Tests.Unit.Http;

/// <summary>What comes or goes again is taken for what it was: only where it is the very same.</summary>
public sealed class Http1RepeatTests
{
    private const string Get = "GET /a?q HTTP/1.1\r\nHost: h\r\nX: one\r\n\r\n";

    /// <summary>Tells what was asked, and leaves its own mark in the request's fields.</summary>
    private static async ValueTask TellAsync(HttpExchange exchange)
    {
        byte[] body = await exchange.ReadBodyAsync();
        string text = $"{exchange.Method} {exchange.Path} {exchange.QueryString} {string.Join(',', exchange.RequestHeaders.Select(f => f.Key + "=" + f.Value))} {Encoding.ASCII.GetString(body)};";
        if (exchange.RequestHeaders["X"] is "mark")
            exchange.RequestHeaders.Add("Y", "left by a handler");
        exchange.Write(text);
    }

    private static async Task<string[]> BodiesAsync(params string[] parts)
    {
        await using Raw raw = new(TellAsync);
        foreach (string part in parts)
            await raw.SendAsync(part);
        await raw.Client.Output.CompleteAsync();
        string[] answers = (await raw.ReadToEndAsync()).Split("HTTP/1.1 200 OK\r\n")[1..];
        return [.. answers.Select(static a => a[(a.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..])];
    }

    [Fact]
    public async Task Pipelined_heads_that_are_alike_are_told_apart()
    {
        const string Said = "GET /a q Host=h,X=one ;", Marked = "GET /a q Host=h,X=mark ;";
        string mark = Get.Replace("one", "mark", StringComparison.Ordinal);
        string[] bodies = await BodiesAsync(string.Concat(
            Get, Get, Get, Get.Replace("one", "two", StringComparison.Ordinal), Get, Get, Get.Replace("GET /a", "GET /ab", StringComparison.Ordinal), Get,
            "POST /a?q HTTP/1.1\r\nHost: h\r\nX: one\r\nContent-Length: 2\r\n\r\nhi", "POST /a?q HTTP/1.1\r\nHost: h\r\nX: one\r\nContent-Length: 2\r\n\r\nho",
            "POST /a?q HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nT: v\r\n\r\n", "POST /a?q HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\ny\r\n0\r\n\r\n",
            Get, mark, mark, mark, Get));
        Assert.Equal(
        [
            Said, Said, Said, "GET /a q Host=h,X=two ;", Said, Said, "GET /ab q Host=h,X=one ;", Said,
            "POST /a q Host=h,X=one,Content-Length=2 hi;", "POST /a q Host=h,X=one,Content-Length=2 ho;",
            "POST /a q Host=h,Transfer-Encoding=chunked x;", "POST /a q Host=h,Transfer-Encoding=chunked y;",
            Said, Marked, Marked, Marked, Said,
        ], bodies);
    }

    [Fact]
    public async Task Heads_that_come_again_may_be_split_anywhere()
    {
        string three = Get + Get + Get;
        string[] whole = await BodiesAsync(three);
        Assert.Equal(3, whole.Length);
        for (int at = 1; at < three.Length; at++)
            Assert.Equal(whole, await BodiesAsync(three[..at], three[at..]));
    }

    [Fact]
    public async Task A_request_that_must_end_the_connection_does_when_it_comes_behind_others()
    {
        string response = await Raw.ExchangeAsync(TellAsync, Get + Get + Get.Replace("X: one", "Connection: close", StringComparison.Ordinal) + Get);
        Assert.Equal(3, response.Split("HTTP/1.1 200 OK").Length - 1);
        Assert.Single(response.Split("\r\n"), "Connection: close");
    }

    [Fact]
    public async Task Answers_are_what_each_handler_set()
    {
        string[] values = ["a", "a", "b", "a", "c", "c"];
        int at = 0;
        await using Raw raw = new(exchange =>
        {
            string value = values[at % values.Length];
            exchange.StatusCode = at % 3 == 2 ? 404 : 200;
            exchange.ResponseHeaders.Add("V", value);
            if (at % 5 == 4)
                exchange.ResponseHeaders.Add("Date", "today");
            if (at % 7 == 6)
                exchange.ResponseHeaders["Content-Length"] = "2";
            exchange.Write("OK"u8);
            at++;
            return ValueTask.CompletedTask;
        });
        const int Count = 200;
        await raw.SendAsync(string.Concat(Enumerable.Repeat(Get, Count)));
        await raw.Client.Output.CompleteAsync();
        string[] answers = (await raw.ReadToEndAsync()).Split("HTTP/1.1 ")[1..];
        Assert.Equal(Count, answers.Length);
        for (int i = 0; i < Count; i++)
        {
            Assert.StartsWith($"{(i % 3 == 2 ? "404 Not Found" : "200 OK")}\r\nV: {values[i % values.Length]}\r\n", answers[i], StringComparison.Ordinal);
            Assert.Equal(i % 5 == 4, answers[i].Contains("Date: today\r\n", StringComparison.Ordinal));
            Assert.Single(answers[i].Split("\r\n"), line => line.StartsWith("Date: ", StringComparison.Ordinal));
            Assert.Single(answers[i].Split("\r\n"), "Content-Length: 2");
            Assert.EndsWith("\r\n\r\nOK", answers[i], StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_value_that_would_end_its_line_is_refused_in_any_place()
    {
        string good = "fine", bad = "fine\r\nSet-Cookie: x";
        int refused = 0, at = 0;
        string response = await Raw.ExchangeAsync(
            exchange =>
            {
                exchange.ResponseHeaders.Add("V", good);
                try
                {
                    exchange.ResponseHeaders.Add("W", at++ % 2 == 0 ? good : bad);
                }
                catch (ArgumentException)
                {
                    refused++;
                }
                return ValueTask.CompletedTask;
            }, string.Concat(Enumerable.Repeat(Get, 10)));
        Assert.Equal(5, refused);
        Assert.DoesNotContain("Cookie", response, StringComparison.Ordinal);
        Assert.Equal(5, response.Split("\r\nW: fine\r\n").Length - 1);
    }
}
