"""Alerting: rules over pulses and events, the states of alerts, and the notices that go out.

The way of a record: `worker` takes it from Kafka, `watch` has the `rules` judge it against what is known of the run
(`health`) and of its alerts (`book`), the changed alerts are published, then `webhook` tells the receivers, then the
record is acknowledged. `history` reads all of it back when a worker starts.
"""
