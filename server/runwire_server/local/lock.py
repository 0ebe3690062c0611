"""Writing ``kafka.lock``: ``python -m runwire_server.local.lock``, when Kafka's version is to change."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from runwire_server.local.jars import LOCK

KAFKA = "org.apache.kafka:kafka_2.13:4.3.1"
#: Kafka logs through slf4j 1 and brings log4j's core; this ties the two. Its version is that core's.
BINDING = "org.apache.logging.log4j:log4j-slf4j-impl"
CORE = "log4j-core"

#: What Kafka's POMs bring and a broker never loads: parts of the validator's library that only web forms use, CSV and
#: YAML (tools, and log4j settings in YAML), and what Scala macros needed when Kafka was compiled.
UNUSED = {
    "commons-beanutils",
    "commons-collections",
    "commons-digester",
    "commons-logging",
    "jackson-dataformat-csv",
    "jackson-dataformat-yaml",
    "scala-reflect",
    "snakeyaml",
}


def main() -> None:
    """Resolve Kafka through jgo, fetch every jar, and write down which they were."""
    from jgo.maven import MavenContext  # noqa: PLC0415 - slow, and only for this

    with tempfile.TemporaryDirectory() as cache:
        maven = MavenContext(repo_cache=Path(cache))
        # Kafka alone: resolved beside another root, jgo takes that one's POM for a say in Kafka's versions, and
        # kafka-clients becomes 3.9.1.
        roots, rest = maven.resolver.resolve([maven.create_dependency(KAFKA)])
        core = next(found.version for found in rest if found.artifactId == CORE)
        chosen = [*roots, *rest, maven.create_dependency(f"{BINDING}:{core}")]
        lines = sorted(_line(found) for found in chosen if found.artifactId not in UNUSED)
    LOCK.write_text(
        "# Written by `python -m runwire_server.local.lock`: coordinate, SHA-256, bytes.\n" + "".join(lines),
        encoding="utf-8",
    )


def _line(found) -> str:  # type: ignore[no-untyped-def]  # jgo's Dependency, which ships no types
    data = Path(found.artifact.resolve()).read_bytes()
    coordinate = f"{found.groupId}:{found.artifactId}:{found.version}"
    return f"{coordinate} {hashlib.sha256(data).hexdigest()} {len(data)}\n"


if __name__ == "__main__":
    main()
