"""Judge for the audit of nftables: three network namespaces in a row, client, router, server.

Started inside a fresh network namespace, which becomes the router's. Reads a JSON object a line:
{"place": "forward"|"output"|"input", "ruleset": text, "ask": [[transport, address, port], …]}
and answers one a line: {"json": what nft -j prints, "passed": [true|false|null, …]} or
{"error": text}. Everything ends with this process, at the latest after its time limit.
"""

import ctypes, itertools, json, os, select, signal, socket, subprocess, sys, time

LIMIT = 1500 if "GARRISON_SOAK" in os.environ else 240
ANSWER = 0.25
libc = ctypes.CDLL(None, use_errno=True)
PORTS_TCP = [22, 53, 80, 443, 8000, 8005, 8010, 8443]
PORTS_UDP = [53, 123, 443, 8005]
SERVER = ["192.0.2.2", "192.0.2.3", "192.0.2.70"]
# A port that came back soon would be the connection of an earlier ruleset to the kernel, and so
# established.
OWN_PORTS = itertools.cycle(range(10000, 60000))


def die_with_parent():
    libc.prctl(1, signal.SIGKILL)


def run(*words, stdin=None):
    return subprocess.run(words, input=stdin, capture_output=True, text=True, timeout=30)


def must(*words):
    done = run(*words)
    if done.returncode != 0:
        raise RuntimeError(f"{words}: {done.stderr}")


def load(ruleset):
    must("nft", "flush", "ruleset")
    done = run("nft", "-f", "-", stdin=ruleset)
    if done.returncode != 0:
        return {"error": done.stderr}
    listed = run("nft", "-j", "list", "ruleset").stdout
    return {"json": listed}


def serve():
    """Listens on every port; answers datagrams."""
    poller = select.poll()
    by_fd = {}
    for address in SERVER:
        for port in PORTS_TCP:
            one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((address, port))
            one.listen(64)
            by_fd[one.fileno()] = one
        for port in PORTS_UDP:
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            one.bind((address, port))
            by_fd[one.fileno()] = one
    for fd in by_fd:
        poller.register(fd, select.POLLIN)
    while True:
        for fd, _ in poller.poll():
            one = by_fd[fd]
            if one.type == socket.SOCK_STREAM:
                conn, _ = one.accept()
                conn.send(b"x")
                conn.close()
            else:
                data, peer = one.recvfrom(100)
                try:
                    one.sendto(data, peer)
                except OSError:
                    pass  # its own rules forbid the answer


def ask(questions):
    """A connection counts when a byte came back through it, datagrams when a second one, which
    belongs to an established flow, was answered like the first."""
    poller = select.poll()
    open_ones = {}
    passed = [False] * len(questions)
    for index, (transport, address, port) in enumerate(questions):
        kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
        one = socket.socket(socket.AF_INET, kind)
        one.setblocking(False)
        one.bind(("", next(OWN_PORTS)))
        try:
            one.connect((address, port))
        except BlockingIOError:
            pass
        except OSError:
            continue
        if transport != "tcp":
            try:
                one.send(b"x")
            except OSError:
                continue
        open_ones[one.fileno()] = (index, one, transport != "tcp")
        poller.register(one.fileno(), select.POLLIN)
    end = time.monotonic() + ANSWER
    while open_ones and time.monotonic() < end:
        for fd, _ in poller.poll(50):
            index, one, again = open_ones.pop(fd)
            try:
                answered = one.recv(10) == b"x"
                if answered and again:
                    one.send(b"x")
                    open_ones[fd] = (index, one, False)
                    continue
                passed[index] = answered
            except OSError:
                pass
            poller.unregister(fd)
            one.close()
    for _, one, _ in open_ones.values():
        one.close()
    return passed


class Child:
    """A process in a namespace of its own that does what it is told."""

    def __init__(self, setup, serving):
        self.read_in, self.write_in = os.pipe()
        self.read_out, self.write_out = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            die_with_parent()
            signal.alarm(LIMIT)
            if libc.unshare(0x40000000) != 0:
                os._exit(1)
            os.write(self.write_out, b"up\n")
            reader = os.fdopen(self.read_in)
            out = os.fdopen(self.write_out, "w")
            for line in reader:
                word = json.loads(line)
                try:
                    if word[0] == "setup":
                        setup()
                        if serving and os.fork() == 0:
                            die_with_parent()
                            signal.alarm(LIMIT)
                            serve()
                        answer = "ok"
                    elif word[0] == "load":
                        answer = load(word[1])
                    else:
                        answer = ask(word[1])
                except Exception as error:  # told to the one who asked
                    answer = {"error": repr(error)}
                out.write(json.dumps(answer) + "\n")
                out.flush()
            os._exit(0)
        self.out = os.fdopen(self.read_out)
        self.out.readline()

    def tell(self, *words):
        os.write(self.write_in, (json.dumps(words) + "\n").encode())
        return json.loads(self.out.readline())


def setup_client():
    must("ip", "link", "set", "lo", "up")
    must("ip", "address", "add", "198.51.100.2/24", "dev", "up0")
    must("ip", "link", "set", "up0", "up")
    must("ip", "route", "add", "default", "via", "198.51.100.1")


def setup_server():
    must("ip", "link", "set", "lo", "up")
    for address in SERVER:
        must("ip", "address", "add", address + "/24", "dev", "up0")
    must("ip", "link", "set", "up0", "up")
    must("ip", "route", "add", "default", "via", "192.0.2.1")


def main():
    signal.alarm(LIMIT)
    die_with_parent()
    client = Child(setup_client, False)
    server = Child(setup_server, True)
    for child, mine, address in [(client, "lan0", "198.51.100.1/24"), (server, "wan0", "192.0.2.1/24")]:
        must("ip", "link", "add", mine, "type", "veth", "peer", "name", "up0", "netns", str(child.pid))
        must("ip", "address", "add", address, "dev", mine)
        must("ip", "link", "set", mine, "up")
    open("/proc/sys/net/ipv4/ip_forward", "w").write("1")
    for child in (client, server):
        answer = child.tell("setup")
        if answer != "ok":
            raise RuntimeError(answer)
    # The first packets wait for neighbours to be found.
    end = time.monotonic() + 20
    everything = [["tcp", address, port] for address in SERVER for port in PORTS_TCP]
    while not all(client.tell("ask", everything)):
        if time.monotonic() > end:
            raise RuntimeError("the three namespaces do not reach each other")
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        loaders = {
            "forward": load,
            "output": lambda text: client.tell("load", text),
            "input": lambda text: server.tell("load", text),
        }
        for place, loader in loaders.items():
            answer = loader(order["ruleset"] if place == order["place"] else "")
            if place == order["place"]:
                result = answer
        if "error" not in result:
            result["passed"] = client.tell("ask", order["ask"])
        print(json.dumps(result), flush=True)


main()
