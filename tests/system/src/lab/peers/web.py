"""Servers that answer as a test tells them to. The first line of the input is JSON: a list of
listeners. It prints "ready" once all listen, and ends with its input."""

import json
import os
import socket
import ssl
import struct
import sys
import threading
import warnings

warnings.simplefilter("ignore", DeprecationWarning)
PATIENCE = 10


def reset(connection):
    """Closed with RST in place of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def context_of(listener):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(listener["certificate"], listener["key"])
    if "ciphers" in listener:
        context.set_ciphers(listener["ciphers"])
    if "versions" in listener:
        low, high = listener["versions"]
        context.minimum_version = ssl.TLSVersion[low]
        context.maximum_version = ssl.TLSVersion[high]
    if "client_ca" in listener:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(listener["client_ca"])
    if listener.get("http2"):
        context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def head_of(connection):
    """A request up to its empty line: the first line, and the headers in lower case."""
    data = b""
    while b"\r\n\r\n" not in data and len(data) < 65536:
        more = connection.recv(4096)
        if not more:
            break
        data += more
        if data[0] == 0x16:
            # A hello of TLS, to a server that speaks none: answered at once, as servers do.
            return "TLS", {}
    lines = data.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return lines[0], headers


def answer_of(listener, line, headers):
    """The first answer of the list whose conditions the request meets."""
    method, _, rest = line.partition(" ")
    path = rest.split(" ")[0]
    for answer in listener["answers"]:
        wanted = answer.get("if", {})
        if "method" in wanted and method not in wanted["method"]:
            continue
        if "path" in wanted and path != wanted["path"]:
            continue
        if "agent" in wanted and wanted["agent"] not in headers.get("user-agent", ""):
            continue
        if "upgrade" in wanted and ("upgrade" in headers) != wanted["upgrade"]:
            continue
        return method, answer
    return method, {"status": "404 Not Found"}


def speak_http(connection, listener):
    while True:
        line, headers = head_of(connection)
        if not line:
            return
        method, answer = answer_of(listener, line, headers)
        if answer.get("mute"):
            while connection.recv(4096):
                pass
            return
        if "raw" in answer:
            connection.sendall(answer["raw"].encode("latin-1"))
            return
        if "file" in answer:
            with open(answer["file"], "rb") as file:
                body = file.read()
        else:
            body = answer.get("body", "").encode()
        lines = [f"HTTP/1.1 {answer.get('status', '200 OK')}"]
        lines += [f"{name}: {value}" for name, value in answer.get("headers", {}).items()]
        length = len(body) + answer.get("missing", 0)
        lines.append(f"Content-Length: {length}")
        text = "\r\n".join(lines).encode() + b"\r\n\r\n"
        connection.sendall(text + (b"" if method == "HEAD" else body))
        if "missing" in answer or headers.get("connection", "").lower() == "close":
            return


def serve(connection, listener):
    how = listener["how"]
    connection.settimeout(PATIENCE)
    try:
        if how == "reset":
            reset(connection)
            return
        if how in ("http", "https"):
            if how == "https":
                connection = context_of(listener).wrap_socket(connection, server_side=True)
            speak_http(connection, listener)
        elif how == "garbage":
            connection.recv(4096)
            connection.sendall(os.urandom(4) + b"\x00 no protocol of this world \xff" * 40)
        elif how == "reset_after_hello":
            connection.recv(4096)
            reset(connection)
            return
        elif how == "close_after_hello":
            connection.recv(4096)
        elif how == "silent":
            while connection.recv(4096):
                pass
        connection.close()
    except (OSError, ssl.SSLError):
        connection.close()


def accept(server, listener):
    while True:
        connection, _ = server.accept()
        threading.Thread(target=serve, args=(connection, listener), daemon=True).start()


def main():
    for listener in json.loads(sys.stdin.readline()):
        server = socket.create_server((listener["address"], listener["port"]), backlog=128)
        threading.Thread(target=accept, args=(server, listener), daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()
    os._exit(0)


main()
