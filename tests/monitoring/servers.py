"""Servers that tests start for themselves: on loopback, on free ports, ended by their process."""

import contextlib
import http.server
import json
import pathlib
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_until(condition, what, seconds=30):
    """Waits for a truthy answer and returns it; a refused connection counts as no."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            answer = condition()
            if answer:
                return answer
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")


def get_json(url, **parameters):
    query = "?" + urllib.parse.urlencode(parameters, doseq=True) if parameters else ""
    try:
        with urllib.request.urlopen(url + query, timeout=10) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{url}: {error.code} {error.read().decode(errors='replace')}") from error


def post_json(url, value):
    request = urllib.request.Request(
        url, data=json.dumps(value).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.status


@contextlib.contextmanager
def process(arguments, ready_url, name):
    """Runs a server until the block ends. It is ready once ready_url answers 200."""
    with tempfile.TemporaryFile(mode="w+") as log:
        child = subprocess.Popen(arguments, stdout=log, stderr=subprocess.STDOUT)
        try:

            def ready():
                if child.poll() is not None:
                    log.seek(0)
                    raise AssertionError(f"{name} ended with {child.returncode}:\n{log.read()}")
                with urllib.request.urlopen(ready_url, timeout=5) as response:
                    return response.status == 200

            wait_until(ready, f"{name} ready at {ready_url}")
            yield child
        finally:
            child.terminate()
            try:
                child.wait(timeout=10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


@contextlib.contextmanager
def alertmanager(config):
    """An Alertmanager with this configuration; yields its URL."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"http://127.0.0.1:{free_port()}"
        arguments = [
            "prometheus-alertmanager",
            f"--config.file={config}",
            f"--storage.path={folder}",
            f"--web.listen-address={url.removeprefix('http://')}",
            "--cluster.listen-address=",
            "--log.level=error",
        ]
        with process(arguments, url + "/-/ready", "alertmanager"):
            yield url


@contextlib.contextmanager
def prometheus(targets, rule_files=(), alertmanager_url=None):
    """A Prometheus that scrapes {job: "host:port"} every second; yields its URL."""
    alertmanagers = [{"static_configs": [{"targets": [alertmanager_url.removeprefix("http://")]}]}] if alertmanager_url else []
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "prometheus.yml"
        # JSON is YAML.
        config.write_text(
            json.dumps(
                {
                    "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                    "rule_files": [str(file) for file in rule_files],
                    "alerting": {"alertmanagers": alertmanagers},
                    "scrape_configs": [
                        {"job_name": job, "static_configs": [{"targets": [target]}]}
                        for job, target in targets.items()
                    ],
                }
            )
        )
        url = f"http://127.0.0.1:{free_port()}"
        arguments = [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address={url.removeprefix('http://')}",
            "--log.level=warn",
            # What fires before the Alertmanager is discovered is sent again soon.
            "--rules.alert.resend-delay=1s",
        ]
        with process(arguments, url + "/-/ready", "prometheus"):
            yield url


@contextlib.contextmanager
def exporter(text):
    """Serves the metrics of `text` with counters that grow by a tenth of a second's worth each second of
    the clock; yields host:port."""
    started = time.monotonic()
    lines = text.rstrip("\n").split("\n")  # other ends of lines may be in labels
    counters = {line.split()[2] for line in lines if line.startswith("# TYPE") and " gauge" not in line}

    def grown():
        elapsed = time.monotonic() - started
        for line in lines:
            name = line.split("{")[0].split(" ")[0]
            family = name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum")
            if line.startswith("#") or not {name, family} & counters:
                yield line
            else:
                series, value = line.rsplit(" ", 1)
                yield f"{series} {float(value) * (1 + elapsed / 10)}"

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = ("\n".join(grown()) + "\n").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
