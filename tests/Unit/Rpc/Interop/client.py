# A client of grpc's own Python library against the server named by the first argument. The last line is "ok".
import sys, time, threading
import grpc

def enc(data):  # google.protobuf.BytesValue
    n, size = len(data), b""
    while True:
        size += bytes([(n & 0x7f) | (0x80 if n > 0x7f else 0)])
        n >>= 7
        if not n:
            break
    return b"\x0a" + size + data if data else b""

def dec(message):
    if not message:
        return b""
    assert message[0] == 0x0a
    i, n, shift = 1, 0, 0
    while True:
        n |= (message[i] & 0x7f) << shift
        shift += 7
        i += 1
        if message[i - 1] < 0x80:
            break
    assert len(message) == i + n
    return message[i:]

def expect(code, text, call):
    try:
        call()
    except grpc.RpcError as e:
        assert e.code() == code, (e.code(), e.details())
        assert text in e.details(), e.details()
        return e
    raise AssertionError("no error: " + text)

limits = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
channel = grpc.insecure_channel(sys.argv[1], options=limits)
kinds = {"unary": channel.unary_unary, "down": channel.unary_stream, "up": channel.stream_unary, "both": channel.stream_stream}
call = {name: kind("/test.Echo/" + name, request_serializer=enc, response_deserializer=dec) for name, kind in kinds.items()}
big = b"x" * 3000000

# The four kinds.
assert call["unary"](b"hello") == b"hello"
assert call["unary"](b"") == b""
assert call["unary"](big) == big
assert list(call["down"](b"abc")) == [b"a", b"b", b"c"]
assert call["up"](iter([b"a", b"b", big])) == b"ab" + big
assert list(call["both"](iter([b"a", b"b", big]))) == [b"a", b"b", big]
assert list(call["both"](iter([]))) == []

# Metadata, of octets too, both ways.
response, c = call["unary"].with_call(b"meta", metadata=[("x-text", "v"), ("x-octets-bin", b"\x00\xff\x80")])
assert response == b"v 00FF80", response
assert dict(c.initial_metadata())["x-head-bin"] == b"\x01\x02\x03\x04", c.initial_metadata()
assert dict(c.trailing_metadata())["x-trail"] == "end", c.trailing_metadata()

# Statuses: trailers only, after messages, with details.
e = expect(grpc.StatusCode.NOT_FOUND, "not here: ü%\n", lambda: call["unary"](b"missing"))
details = dict(e.trailing_metadata())["grpc-status-details-bin"]
assert details.startswith(b"\x08\x05\x12"), details
assert b"type.googleapis.com/x" in details
expect(grpc.StatusCode.UNKNOWN, "boom", lambda: call["unary"](b"crash"))
stream = call["down"](b"ab!")
assert [next(stream), next(stream)] == [b"a", b"b"]
expect(grpc.StatusCode.DATA_LOSS, "cut", lambda: next(stream))
expect(grpc.StatusCode.UNIMPLEMENTED, "unknown method nope for service test.Echo", lambda: channel.unary_unary("/test.Echo/nope")(b""))
expect(grpc.StatusCode.UNIMPLEMENTED, "unknown service test.Nope", lambda: channel.unary_unary("/test.Nope/nope")(b""))

# Deadlines and cancellation reach the handler.
before = time.time()
expect(grpc.StatusCode.DEADLINE_EXCEEDED, "", lambda: call["unary"](b"hang", timeout=0.3))
assert time.time() - before < 5
assert call["unary"](b"ended?") == b"1"
f = call["unary"].future(b"hang")
time.sleep(0.2)
f.cancel()
assert call["unary"](b"ended?") == b"2"

# Compression, both ways; and its refusal.
assert call["unary"](big, compression=grpc.Compression.Gzip) == big
assert list(call["both"](iter([b"a", big]), compression=grpc.Compression.Gzip)) == [b"a", big]
expect(grpc.StatusCode.UNIMPLEMENTED, "deflate", lambda: call["unary"](big, compression=grpc.Compression.Deflate))

# Limits.
expect(grpc.StatusCode.RESOURCE_EXHAUSTED, "larger than max", lambda: call["unary"](b"x" * (17 << 20)))

# Many at once.
def work(seed):
    for i in range(50):
        text = b"%d/%d" % (seed, i)
        assert call["unary"](text) == text
threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]

health = channel.unary_unary("/grpc.health.v1.Health/Check")
assert health(b"") == b"\x08\x01"
print("ok")
