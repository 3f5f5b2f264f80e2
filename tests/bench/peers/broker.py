"""One node of Apache Kafka for the benchmark: KRaft, loopback, free ports, ended by its id."""

import socket
import subprocess
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[3]
CLUSTER_ID = "c3VyZ2V3YXRjaC1wZWVycw"

# Event time lies in the past for the broker's clock, and nothing may leave while somebody reads.
MORE_PROPERTIES = """
log.retention.check.interval.ms=86400000
log.cleaner.enable=false
num.network.threads=3
num.io.threads=4
# Two workers of one program are one group from the start: nothing is read twice.
group.initial.rebalance.delay.ms=500
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """`with Broker(directory) as broker`: broker.address answers."""

    def __init__(self, directory):
        self.directory = directory
        self.process = None
        self.address = None

    def __enter__(self):
        jars = subprocess.run([SOURCE / "tests/support/kafka/fetch.sh"], check=True, capture_output=True,
                              text=True).stdout.strip()
        broker = free_port()
        self.address = f"127.0.0.1:{broker}"
        settings = self.directory / "server.properties"
        common = (SOURCE / "tests/support/kafka/server.properties").read_text()
        settings.write_text(common.format(broker=broker, controller=free_port(), directory=self.directory) +
                            MORE_PROPERTIES)
        java = ["java", "-Xms512m", "-Xmx1g", "-cp", f"{jars}/*"]
        with open(self.directory / "broker.log", "wb") as log:
            subprocess.run([*java, "kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID, "--config",
                            settings], check=True, stdout=log, stderr=log)
            self.process = subprocess.Popen([*java, "kafka.Kafka", settings], cwd=self.directory, stdout=log,
                                            stderr=log)
        try:
            self.await_port(broker)
        except BaseException:
            self.__exit__()
            raise
        return self

    def await_port(self, port, seconds=90):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.1)
        log = (self.directory / "broker.log").read_text(errors="replace")
        raise RuntimeError(f"Kafka did not come up:\n{log[-4000:]}")

    def __exit__(self, *_):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
