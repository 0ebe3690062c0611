"""Alerting: rules over pulses and events, the states of alerts, and the notices that go out.

The way of a record: `worker` takes it from Kafka, `watch` has the `rules` judge it against what is known of the run
(`health`) and of its alerts (`book`), `outbox` publishes the changed alerts and then tells the receivers (`notifiers`),
then the record is acknowledged. `recall` reads all of it back when a worker starts, `orders` are what people direct,
and `vigil` sees to it that somebody learns of it when the worker itself does not see.
"""
