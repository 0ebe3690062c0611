"""Creating Runwire's topics, which also tells that Kafka answers.

The supervisor runs it as ``python -m runwire_server.local.topics HOST:PORT SECONDS``, so as not to load a Kafka client.
"""

from __future__ import annotations

import socket
import sys
import time
from contextlib import suppress

from kafka import KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError

from runwire.errors import UnavailableError
from runwire.wire import TOPICS

_PAUSE = 0.05  # seconds between two tries to reach a Kafka that is coming up


def create(kafka: str, timeout: float = 60.0) -> list[str]:
    """Create those of Runwire's topics that are not there; the others are left as they are.

    Args:
        kafka: ``host:port`` of a broker.
        timeout: seconds for which to try to reach it.

    Returns:
        The names of the topics created.

    Raises:
        UnavailableError: Kafka does not answer in time, or refuses.
    """
    admin = _connect(kafka, timeout)
    try:
        there = set(admin.list_topics())
        wanted = {
            topic.name: {"num_partitions": topic.partitions, "replication_factor": -1, "configs": topic.config}
            for topic in TOPICS
            if topic.name not in there
        }
        if wanted:
            with suppress(TopicAlreadyExistsError):  # another one was quicker
                admin.create_topics(wanted, wait_for_metadata=True)
    except KafkaError as error:
        raise UnavailableError(
            f"Kafka at {kafka} answers, but Runwire's topics could not be created there: {error}. "
            "See that this user may create topics, or have them created beforehand."
        ) from error
    finally:
        admin.close()
    return list(wanted)


def _connect(kafka: str, timeout: float) -> KafkaAdminClient:
    until = time.monotonic() + timeout
    try:
        # While nothing listens, the client is not even tried: it drops a socket unclosed at every refusal.
        while not any(_listens(broker) for broker in kafka.split(",")) and time.monotonic() < until:
            time.sleep(_PAUSE)
        left = max(1.0, until - time.monotonic())
        return KafkaAdminClient(
            bootstrap_servers=kafka.split(","), client_id="runwire-up", bootstrap_timeout_ms=int(left * 1000)
        )
    except (KafkaError, OSError, ValueError) as error:
        raise UnavailableError(
            f"Kafka at {kafka} did not answer within {timeout:.0f} s. See that it runs and can be reached from here."
        ) from error


def _listens(broker: str) -> bool:
    host, _, port = broker.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=2):
            return True
    except OSError:
        return False


def main() -> int:
    """Create the topics on the Kafka that the first argument names."""
    try:
        create(sys.argv[1], timeout=float(sys.argv[2]))
    except UnavailableError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the supervisor shows it
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
