"""Judge for PAC files: Chromium loads a page of pictures, and three servers note which way each goes.

Reads one JSON object: {"script": text with @A@ and @B@ for two proxies, "urls": [http://…, …]};
answers {"ways": ["A"|"B"|"direct"|"none", …]}. Everything ends with this process, at the latest
after its time limit.
"""

import base64, ctypes, http.server, json, os, shutil, signal, subprocess, sys, tempfile, threading, urllib.parse

LIMIT = 120
PICTURE = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def serve(note):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            kind, body = note(self)
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def main():
    signal.alarm(LIMIT)
    die_with_parent()
    order = json.load(sys.stdin)
    ways = {}

    def recorder(name):
        def note(request):
            target = request.path
            if not target.startswith("http"):
                target = f"http://{request.headers['Host']}{target}"
            # Pictures are told apart by their path.
            ways[urllib.parse.urlsplit(target).path] = name
            return "image/gif", PICTURE
        return note

    a, b, direct = (serve(recorder(name)) for name in ("A", "B", "direct"))
    body = "".join(f'<img src="{url}">' for url in order["urls"])
    page = serve(lambda request: ("text/html", f"<!doctype html><link rel=icon href='data:,'>{body}<p>done".encode()))
    script = order["script"].replace("@A@", f"127.0.0.1:{a}").replace("@B@", f"127.0.0.1:{b}")
    profile = tempfile.mkdtemp()
    try:
        browser = subprocess.run(
            [
                "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", f"--user-data-dir={profile}",
                "--disable-features=HttpsUpgrades,HttpsFirstBalancedModeAutoEnable",
                "--proxy-pac-url=data:application/x-ns-proxy-autoconfig;base64,"
                + base64.b64encode(script.encode()).decode(),
                f"--host-resolver-rules=MAP * 127.0.0.1:{direct}, EXCLUDE 127.0.0.1",
                "--dump-dom", f"http://127.0.0.1:{page}/",
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=LIMIT - 10,
            preexec_fn=die_with_parent,
        )
        found = [ways.get(urllib.parse.urlsplit(url).path, "none") for url in order["urls"]]
        print(json.dumps({"ways": found, "page": browser.stdout.decode(errors="replace")[:2000]}))
    finally:
        shutil.rmtree(profile, ignore_errors=True)


main()
