"""Creating Runwire's topics, which also tells that Kafka answers; and giving them more partitions.

The supervisor runs it as ``python -m runwire_server.local.topics HOST:PORT SECONDS``, so as not to load a Kafka client.
"""

from __future__ import annotations

import socket
import sys
import time
from contextlib import suppress

from kafka import KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError

from runwire.errors import UnavailableError, UsageError
from runwire.wire import DATA_TOPICS, TOPICS

_PAUSE = 0.05  # seconds between two tries to reach a Kafka that is coming up


def create(kafka: str, timeout: float = 60.0, partitions: int | None = None) -> list[str]:
    """Create those of Runwire's topics that are not there; the others are left as they are.

    Args:
        kafka: ``host:port`` of a broker.
        timeout: seconds for which to try to reach it.
        partitions: how many partitions data topics get; None for as many as those have that are there.

    Returns:
        The names of the topics created.

    Raises:
        UnavailableError: Kafka does not answer in time, or refuses.
    """
    admin = _connect(kafka, timeout)
    try:
        there = _partitions(admin)
        like = partitions or max(there.values(), default=None)
        missing = {topic.name for topic in TOPICS} - set(admin.list_topics())
        wanted = {
            topic.name: {
                "num_partitions": like if like and topic.name in DATA_TOPICS else topic.partitions,
                "replication_factor": -1,
                "configs": topic.settings,
            }
            for topic in TOPICS
            if topic.name in missing
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


def expand(kafka: str, partitions: int, timeout: float = 60.0) -> dict[str, int]:
    """Give the data topics so many partitions, each; workers and shippers find out by themselves.

    Returns:
        How many each had.

    Raises:
        UsageError: there are as many or more, or the topics are not there.
        UnavailableError: Kafka does not answer in time, or refuses.
    """
    admin = _connect(kafka, timeout)
    try:
        before = _partitions(admin)
        if missing := set(DATA_TOPICS) - before.keys():
            raise UsageError(
                f"Kafka at {kafka} has no {', '.join(sorted(missing))}: make them with `runwire topics create`"
            )
        if max(before.values()) > partitions:
            raise UsageError(
                f"the topics on {kafka} have {max(before.values())} partitions, which cannot become {partitions}: what "
                "lies in a partition would go with it"
            )
        fewer = {topic: partitions for topic in DATA_TOPICS if before[topic] < partitions}
        if not fewer:
            raise UsageError(f"the topics on {kafka} have {partitions} partitions as it is: ask for more")
        admin.create_partitions(fewer)
    except KafkaError as error:
        raise UnavailableError(
            f"Kafka at {kafka} answers, but the topics could not be given more partitions: {error}. See that this user "
            "may alter topics, and run the command again: it goes on where it stopped."
        ) from error
    finally:
        admin.close()
    return before


def _partitions(admin: KafkaAdminClient) -> dict[str, int]:
    """Return how many partitions each data topic has that is there."""
    there = set(DATA_TOPICS).intersection(admin.list_topics())
    return {told["name"]: len(told["partitions"]) for told in admin.describe_topics(sorted(there))} if there else {}


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
