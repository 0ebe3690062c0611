"""The shipper: one process a host that carries every spool of a home to Kafka.

``host`` finds spools and shares out the time; a ``delivery`` is one spool with its two lanes, ``watch`` (events and
pulses, ahead) and ``ship`` (all rows, as ``columns``), each with its ``flight`` of records under way; ``link`` is the
connection to a Kafka, ``feed`` brings alerts back, ``daemon`` is the process, ``tally`` what it counts, and ``start``
starts it from a training.
"""
