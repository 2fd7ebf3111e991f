"""Judge for the audit of Squid: starts squid on loopback with a configuration, asks through it.

Reads a JSON object a line: {"config": text, "ask": [[host, port, connect], …]} and answers one a
line: {"status": [HTTP status, …]} or {"error": text}. Names lead to loopback by squid's own file
of hosts. Everything ends with this process, at the latest after its time limit.
"""

import ctypes, glob, json, os, pwd, shutil, signal, socket, subprocess, sys, tempfile, time

LIMIT = 1500 if "GARRISON_SOAK" in os.environ else 240
SERVICE = f"judge{os.getpid()}"


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def request(port, host, to, connect):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as one:
        if connect:
            head = f"CONNECT {host}:{to} HTTP/1.1\r\nHost: {host}:{to}\r\n\r\n"
        else:
            where = host if to == 80 else f"{host}:{to}"
            head = f"GET http://{where}/ HTTP/1.1\r\nHost: {where}\r\nConnection: close\r\n\r\n"
        one.sendall(head.encode())
        answer = one.recv(64)
        return int(answer.split()[1])


def judge(order, folder):
    port = free_port()
    hosts = {host for host, _, _ in order["ask"]}
    with open(f"{folder}/hosts", "w") as file:
        for host in sorted(hosts):
            file.write(f"127.0.0.1 {host}\n")
    with open(f"{folder}/squid.conf", "w") as file:
        file.write(
            order["config"]
            + f"\nhttp_port 127.0.0.1:{port}\nvisible_hostname judge.example\nhosts_file {folder}/hosts\n"
            f"pid_filename {folder}/squid.pid\ncoredump_dir {folder}\naccess_log none\ncache_log {folder}/cache.log\n"
            "cache deny all\nshutdown_lifetime 0 seconds\npinger_enable off\nnetdb_filename none\n"
            "connect_timeout 3 seconds\nforward_max_tries 1\ndns_nameservers 127.0.0.1\ndns_timeout 1 second\n"
            + ("cache_effective_user proxy\n" if os.getuid() == 0 else "")
        )
    squid = subprocess.Popen(
        # The name is that of its shared memory, which one user's squid must not meet another's by.
        ["squid", "-n", SERVICE, "-N", "-f", f"{folder}/squid.conf"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=die_with_parent,
    )
    try:
        end = time.monotonic() + 20
        while True:
            if squid.poll() is not None:
                return {"error": squid.stdout.read().decode(errors="replace")}
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > end:
                    return {"error": "squid does not listen"}
                time.sleep(0.02)
        return {"status": [request(port, *one) for one in order["ask"]]}
    finally:
        squid.kill()
        squid.wait()
        for left in glob.glob(f"/dev/shm/{SERVICE}-*"):
            os.unlink(left)


def main():
    signal.alarm(LIMIT)
    die_with_parent()
    if len(sys.argv) > 1:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    # Started by root, squid becomes another user, whom the usual folder may be closed to.
    folder = tempfile.mkdtemp(dir="/var/tmp" if os.getuid() == 0 else None)
    try:
        if os.getuid() == 0:
            user = pwd.getpwnam("proxy")
            os.chown(folder, user.pw_uid, user.pw_gid)
        print("ready", flush=True)
        for line in sys.stdin:
            try:
                answer = judge(json.loads(line), folder)
            except Exception as error:  # told to the one who asked
                answer = {"error": repr(error)}
            print(json.dumps(answer), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


main()
