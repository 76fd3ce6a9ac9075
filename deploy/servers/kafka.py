"""Apache Kafka: one KRaft node, broker and controller in one process; its jars come from Maven."""

import base64
import os
import shutil
import socket
import struct
import tempfile
import uuid
from pathlib import Path

from deploy.servers.launches import Launch, Ports, Say, Server, recipe, whole
from deploy.servers.places import Places
from deploy.servers.ports import LOOPBACK
from deploy.servers.prerequisites import java, maven
from deploy.servers.processes import Command

VERSION = "4.1.1"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_JARS = (
    ("org.apache.kafka", "kafka_2.13", VERSION),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.24.3"),  # else what Kafka has to say goes nowhere
)
_DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>aivis</groupId><artifactId>servers</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>{"".join(_DEPENDENCY.format(*jar) for jar in _JARS)}</dependencies>
</project>
"""
_LOGGING = """status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
"""


def _jars(places: Places) -> Path:
    return places.cache / f"kafka-{VERSION}-{recipe(_POM)}"


def _check(places: Places) -> None:
    java()
    if not whole(_jars(places)):
        maven()


def _fetch(places: Places, say: Say) -> None:
    if whole(_jars(places)):
        return
    say(f"fetching Kafka {VERSION} (43 MB)")
    with tempfile.TemporaryDirectory(dir=places.cache) as work:
        folder = Path(work)
        (folder / "pom.xml").write_text(_POM)
        fetch = [str(maven()), "-B", "-q", "-C", _COPY, "-DoutputDirectory=jars", "-DincludeScope=runtime"]
        environ = {} if "JAVA_HOME" in os.environ or shutil.which("java") else {"JAVA_HOME": str(java().parents[1])}
        Command(fetch, folder, environ).run()
        (folder / "jars").rename(_jars(places))


def _launch(places: Places, ports: Ports) -> Launch:
    folder = places.of("kafka")
    return Launch(
        node(places, folder, properties(folder, *ports), cluster=cluster_id()),
        ready=lambda: answers(ports[0]),
        environment={"AIVIS_TEST_KAFKA": f"{LOOPBACK}:{ports[0]}"},
    )


def cluster_id() -> str:
    """A new cluster's."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def node(places: Places, folder: Path, properties: str, *, cluster: str, megabytes: int = 512) -> Command:
    """What runs a node that has its data and settings in `folder`; its data is made when there is none."""
    settings = folder / "server.properties"
    settings.write_text(properties)
    (folder / "log4j2.properties").write_text(_LOGGING)
    logging = f"-Dlog4j2.configurationFile={folder}/log4j2.properties"
    jvm = [str(java()), f"-Xmx{megabytes}m", "-cp", f"{_jars(places)}/*", logging]
    if not (folder / "data" / "meta.properties").exists():  # an id may begin with -
        tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(settings)]
        Command([*jvm, *tool], folder).run()
    return Command([*jvm, "kafka.Kafka", str(settings)], folder)


def properties(folder: Path, broker: int, controller: int) -> str:
    """One node: every internal topic has one replica. Topics are made on purpose, so a misspelt one is an error."""
    return f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{LOOPBACK}:{controller}
listeners=PLAINTEXT://{LOOPBACK}:{broker},CONTROLLER://{LOOPBACK}:{controller}
advertised.listeners=PLAINTEXT://{LOOPBACK}:{broker}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/data
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=8
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"""


def answers(port: int) -> bool:
    """Whether the broker answers ApiVersions (key 18, version 0): the socket opens well before requests are served."""
    request = struct.pack(">hhih", 18, 0, 1, -1)
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            return len(connection.recv(4)) == 4
    except OSError:
        return False


KAFKA = Server("kafka", 2, _check, _fetch, _launch)
