"""Publishing what somebody asks for: of running runs, and of alerting."""

from __future__ import annotations

from runwire.errors import UnavailableError

_PATIENCE_MS = 5_000


class KafkaUnavailableError(UnavailableError):
    """Kafka is away, or nobody said where it is."""


def publish(kafka: str, topic: str, key: str, value: bytes) -> None:
    """Publish a record, and return when Kafka has it; whether a run hears it shows in what that run then says.

    Args:
        kafka: ``host:port`` of the brokers, several with commas.
        topic: where it is published.
        key: the record's key.
        value: its value.

    Raises:
        KafkaUnavailableError: Kafka does not answer, or takes it not.
    """
    from kafka import KafkaProducer  # noqa: PLC0415 - few servers ever need it
    from kafka.errors import KafkaError  # noqa: PLC0415

    try:
        # Made for each: it happens a few times a day, and a producer that is kept asks Kafka for news all day long.
        producer = KafkaProducer(
            bootstrap_servers=kafka.split(","),
            client_id="runwire-server",
            acks="all",
            allow_auto_create_topics=False,
            bootstrap_timeout_ms=_PATIENCE_MS,
            max_block_ms=_PATIENCE_MS,
            metrics_enabled=False,
        )
    except (KafkaError, OSError, ValueError) as error:
        raise KafkaUnavailableError(f"Kafka at {kafka} does not answer ({error}): nothing was asked") from error
    try:
        sent = producer.send(topic, value, key.encode())
        sent.get(timeout=_PATIENCE_MS / 1000)
    except (KafkaError, OSError, AssertionError) as error:
        raise KafkaUnavailableError(
            f"Kafka at {kafka} does not take the request ({error!r}): it may still get there. If there is no topic "
            f"{topic}, make it with `runwire topics create`"
        ) from error
    finally:
        producer.close(timeout=1)
