# A server of the h2 library on a free port of 127.0.0.1, for one connection. It prints the port, and then what ended it.
import socket
import h2.config, h2.connection, h2.events, h2.settings

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
s, _ = listener.accept()
c = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
c.local_settings = h2.settings.Settings(client=False, initial_values={h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 3, h2.settings.SettingCodes.HEADER_TABLE_SIZE: 100})
c.initiate_connection()
s.sendall(c.data_to_send())
bodies, waiting, most = {}, {}, 0

def pump():
    for stream, data in list(waiting.items()):
        while data:
            n = min(c.local_flow_control_window(stream), c.max_outbound_frame_size, len(data))
            if n == 0:
                break
            c.send_data(stream, data[:n])
            data = data[n:]
        if data:
            waiting[stream] = data
        else:
            c.send_headers(stream, [("x-length", str(bodies.pop(stream)))], end_stream=True)
            del waiting[stream]

while True:
    data = s.recv(65536)
    if not data:
        break
    for e in c.receive_data(data):
        if isinstance(e, h2.events.RequestReceived):
            bodies[e.stream_id] = b""
            most = max(most, len(bodies))
        elif isinstance(e, h2.events.DataReceived):
            bodies[e.stream_id] += e.data
            c.acknowledge_received_data(e.flow_controlled_length, e.stream_id)
        elif isinstance(e, h2.events.StreamEnded):
            body = bodies[e.stream_id]
            bodies[e.stream_id] = len(body)
            c.send_headers(e.stream_id, [(":status", "103"), ("link", "x")])
            c.send_headers(e.stream_id, [(":status", "200"), ("content-length", str(len(body)))])
            waiting[e.stream_id] = body
    pump()
    s.sendall(c.data_to_send())
print(most)
