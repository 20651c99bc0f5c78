# httpx and h2, Debian's, against the server on the port that is argument 1, and over TLS on argument 2 with the authority in argument 3. The last line is "ok".
import socket, ssl, sys
import h2.config, h2.connection, h2.events, h2.settings
import httpx

plain, tls, authority = f"http://127.0.0.1:{sys.argv[1]}", f"https://localhost:{sys.argv[2]}", sys.argv[3]
big = bytes(range(256)) * 8192  # 2 MiB

def pieces():
    for i in range(0, len(big), 100_000):
        yield big[i:i + 100_000]

def check(client, base, version):
    r = client.get(base + "/echo?a=b%20c", headers={"x-a": "1"})
    assert (r.status_code, r.http_version) == (200, version), (r.status_code, r.http_version)
    assert r.headers["x-path"] == "/echo?a=b%20c" and r.headers["x-a"] == "1", r.headers
    assert client.head(base + "/echo").content == b""
    assert client.post(base + "/echo", content=big).content == big
    assert client.post(base + "/echo", content=pieces()).content == big  # chunked, or of no told length
    with client.stream("GET", base + "/big") as r:
        assert sum(len(c) for c in r.iter_bytes()) == 4 << 20
    assert client.get(base + "/missing").status_code == 404
    for i in range(50):
        assert client.get(base + f"/echo?{i}").headers["x-path"] == f"/echo?{i}"

with httpx.Client(trust_env=False) as client:
    check(client, plain, "HTTP/1.1")
with httpx.Client(trust_env=False, http1=False, http2=True) as client:
    check(client, plain, "HTTP/2")
with httpx.Client(trust_env=False, http2=True, verify=authority) as client:
    check(client, tls, "HTTP/1.1")  # what the server prefers where both are offered: Docker's clients hijack connections
with httpx.Client(trust_env=False, http1=False, http2=True, verify=authority) as client:
    check(client, tls, "HTTP/2")

# h2 by hand: a small window of ours, many streams in one flight, a reset, and a farewell.
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
c = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
c.local_settings = h2.settings.Settings(client=True, initial_values={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 20_000, h2.settings.SettingCodes.HEADER_TABLE_SIZE: 0})
c.initiate_connection()
def head(path):
    return [(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", "localhost")]
for i in range(20):
    c.send_headers(1 + 2 * i, head(f"/echo?{i}"), end_stream=True)
c.send_headers(101, head("/big"), end_stream=True)
c.send_headers(103, head("/big"), end_stream=True)
s.sendall(c.data_to_send())
paths, got, ended, was_reset = {}, {101: 0, 103: 0}, set(), False
while len(ended) < 21:
    data = s.recv(65536)
    assert data, "the server has closed"
    for e in c.receive_data(data):
        if isinstance(e, h2.events.ResponseReceived):
            paths[e.stream_id] = dict(e.headers).get("x-path")
        elif isinstance(e, h2.events.DataReceived):
            got[e.stream_id] = got.get(e.stream_id, 0) + len(e.data)
            if e.stream_id == 103 and not was_reset:
                c.reset_stream(103, 8)
                was_reset = True
            elif not e.stream_ended and e.stream_id != 103:
                c.acknowledge_received_data(e.flow_controlled_length, e.stream_id)
            else:
                c.increment_flow_control_window(e.flow_controlled_length) if e.flow_controlled_length else None
        elif isinstance(e, h2.events.StreamEnded):
            ended.add(e.stream_id)
        assert not isinstance(e, h2.events.ConnectionTerminated), e
    s.sendall(c.data_to_send())
assert got[101] == 4 << 20, got
assert all(paths[1 + 2 * i] == f"/echo?{i}" for i in range(20)), paths
c.close_connection()
s.sendall(c.data_to_send())
s.close()
print("ok")
