"""The proxies, started with the files of docs/proxies.

A file is used as it is, but for the values that a reader changes too: ports, the certificate, where logs go. Each of
them has to be in the file, or the start fails: so this is no second copy.
"""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HOST = "chat.example.com"
PATIENCE = 15

CERTIFICATE = f"/etc/ssl/{HOST}/fullchain.pem"
KEY = f"/etc/ssl/{HOST}/privkey.pem"
BOTH = f"/etc/ssl/{HOST}/both.pem"


class Certificate:
    """A certificate for HOST, which signs itself, in a folder."""

    def __init__(self, folder):
        self.chain = os.path.join(folder, "fullchain.pem")
        self.key = os.path.join(folder, "privkey.pem")
        self.both = os.path.join(folder, "both.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "2", "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}",
             "-keyout", self.key, "-out", self.chain],
            check=True, capture_output=True,
        )
        with open(self.both, "wb") as both:
            for part in (self.chain, self.key):
                with open(part, "rb") as file:
                    both.write(file.read())

    def trusted(self):
        """What a client needs that trusts this certificate and no other."""
        return ssl.create_default_context(cafile=self.chain)


class Front:
    """One proxy that runs. `plain` and `proxied` are the server's ports: for HTTP, and for the PROXY protocol."""

    def __init__(self, kind, folder, certificate, plain=None, proxied=None):
        self.kind = kind
        self.folder = os.path.join(folder, kind)
        os.makedirs(self.folder, exist_ok=True)
        # A port that was free a moment ago may be taken meanwhile: then another is tried.
        for _ in range(5):
            self.port, self.second_port = free_ports(2)
            self.config = self.write(certificate, plain or free_ports(1)[0], proxied or free_ports(1)[0])
            self.start()
            if self.listens():
                return
            self.stop()
        raise SystemExit(f"{kind} does not listen:\n{self.log()}")

    def write(self, certificate, plain, proxied):
        name, changes = RECIPES[self.kind]
        with open(os.path.join(ROOT, "docs/proxies", name)) as file:
            text = file.read()
        values = {
            "port": self.port, "second": self.second_port, "plain": plain, "proxied": proxied,
            "folder": self.folder, "chain": certificate.chain, "key": certificate.key, "both": certificate.both,
        }
        for shown, here in changes:
            if shown not in text:
                raise SystemExit(f"docs/proxies/{name} lacks {shown!r}")
            text = text.replace(shown, here.format(**values))
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def start(self):
        with open(os.path.join(self.folder, "out"), "ab") as out:
            self.process = subprocess.Popen(
                COMMANDS[self.kind](self.config, self.folder), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                cwd=self.folder, env={**os.environ, "HOME": self.folder, "XDG_DATA_HOME": self.folder},
            )

    def listens(self):
        for _ in range(PATIENCE * 50):
            if self.process.poll() is not None:
                return False
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return True
            except ConnectionRefusedError:
                time.sleep(0.02)
        return False

    def workers(self):
        """The processes that the first one has started."""
        first = self.process.pid
        with open(f"/proc/{first}/task/{first}/children") as file:
            return set(map(int, file.read().split()))

    def reload(self):
        """Reads the file anew, and returns when new workers are there. Says which the old ones were."""
        old = self.workers()
        self.process.send_signal(RELOAD[self.kind])
        for _ in range(PATIENCE * 50):
            if self.workers() - old:
                return old
            time.sleep(0.02)
        raise SystemExit(f"{self.kind} has not reloaded:\n{self.log()}")

    def log(self):
        texts = []
        for name in sorted(os.listdir(self.folder)):
            if name == "out" or name.endswith(".log"):
                with open(os.path.join(self.folder, name), errors="replace") as file:
                    texts.append(file.read()[-4000:])
        return "\n".join(texts)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def find(program):
    """Debian has servers where users do not look."""
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin")
    if not path:
        raise SystemExit(f"there is no {program}")
    return path


NGINX = [
    ("/var/log/nginx/", "{folder}/"),
    ("pid /run/nginx.pid;", "pid {folder}/nginx.pid;"),
    # Two are enough here, and fit under the limits of any machine.
    ("worker_processes auto;", "worker_processes 2;"),
    ("worker_rlimit_nofile 65536;", ""),
    ("worker_connections 32768;", "worker_connections 1000;"),
    (CERTIFICATE, "{chain}"),
    (KEY, "{key}"),
    ("listen 443 ssl;", "listen 127.0.0.1:{port} ssl;"),
]
TEMPORARY = "".join(f"\n    {kind}_temp_path {{folder}}/{kind};"
                    for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))

# The file, and what is changed in it: as it is there, and as it is here.
RECIPES = {
    "nginx": ("nginx.conf", [*NGINX, ("server 127.0.0.1:9001;", "server 127.0.0.1:{plain};"),
                             ("\nhttp {", "\nhttp {{" + TEMPORARY)]),
    "nginx-stream": ("nginx-stream.conf", [*NGINX, ("proxy_pass 127.0.0.1:9002;", "proxy_pass 127.0.0.1:{proxied};")]),
    "haproxy": ("haproxy.cfg", [
        ("log /dev/log local0", "log stdout format raw local0"),
        ("maxconn 32768", "maxconn 1000"),
        (f"bind :443 ssl crt {BOTH}", "bind 127.0.0.1:{port} ssl crt {both}"),
        (f"bind :8443 ssl crt {BOTH}", "bind 127.0.0.1:{second} ssl crt {both}"),
        ("127.0.0.1:9001", "127.0.0.1:{plain}"),
        ("127.0.0.1:9002", "127.0.0.1:{proxied}"),
    ]),
    "caddy": ("Caddyfile", [
        # Without port 80, and without the port for its administration.
        (f"\n{HOST} {{\n", "\n{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n"
                           f"https://{HOST}:{{port}} {{{{\n\tbind 127.0.0.1\n"),
        (CERTIFICATE, "{chain}"),
        (KEY, "{key}"),
        ("127.0.0.1:9001", "127.0.0.1:{plain}"),
    ]),
}
COMMANDS = {
    "nginx": lambda config, folder: [find("nginx"), "-e", "stderr", "-g", "daemon off;", "-p", folder, "-c", config],
    "haproxy": lambda config, _: [find("haproxy"), "-W", "-f", config],
    "caddy": lambda config, _: [find("caddy"), "run", "--config", config, "--adapter", "caddyfile"],
}
COMMANDS["nginx-stream"] = COMMANDS["nginx"]
RELOAD = {"nginx": signal.SIGHUP, "nginx-stream": signal.SIGHUP, "haproxy": signal.SIGUSR2}
