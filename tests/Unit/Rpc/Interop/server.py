# A server of grpc's own Python library on a unix socket: argument 1. It says "ready", and ends with its standard input.
import sys, time
from concurrent import futures
import grpc

def dec(message):
    if not message:
        return b""
    i, n, shift = 1, 0, 0
    while True:
        n |= (message[i] & 0x7f) << shift
        shift += 7
        i += 1
        if message[i - 1] < 0x80:
            break
    return message[i:i + n]

def enc(data):
    n, size = len(data), b""
    while True:
        size += bytes([(n & 0x7f) | (0x80 if n > 0x7f else 0)])
        n >>= 7
        if not n:
            break
    return b"\x0a" + size + data if data else b""

def unary(request, context):
    if request == b"missing":
        context.set_trailing_metadata([("grpc-status-details-bin", b"\x08\x05\x12\x01x\x1a\x07\x0a\x01t\x12\x02ab")])
        context.abort(grpc.StatusCode.NOT_FOUND, "not here: ü%")
    if request == b"hang":
        time.sleep(2)
    if request == b"meta":
        data = dict(context.invocation_metadata())
        return data["x-text"].encode() + b" " + data["x-octets-bin"].hex().upper().encode()
    return request

class Handlers(grpc.GenericRpcHandler):
    def service(self, details):
        name = details.method.split("/")[-1]
        if name == "unary":
            return grpc.unary_unary_rpc_method_handler(unary, dec, enc)
        if name == "down":
            return grpc.unary_stream_rpc_method_handler(lambda r, c: (bytes([b]) for b in r), dec, enc)
        if name == "up":
            return grpc.stream_unary_rpc_method_handler(lambda r, c: b"".join(r), dec, enc)
        if name == "both":
            return grpc.stream_stream_rpc_method_handler(lambda r, c: (m for m in r), dec, enc)

server = grpc.server(futures.ThreadPoolExecutor(16), options=[("grpc.max_receive_message_length", -1)], compression=grpc.Compression.Gzip)
server.add_generic_rpc_handlers((Handlers(),))
server.add_insecure_port("unix:" + sys.argv[1])
server.start()
print("ready", flush=True)
sys.stdin.read()
server.stop(0)
