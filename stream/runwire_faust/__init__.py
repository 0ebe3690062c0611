"""How Faust is made to lose nothing: what every worker of ours that reads Kafka is built from.

Records are read by one agent that acknowledges none of them (`app`), handled in batches by one task of the worker's
own, and acknowledged there, whole batches and in order, once what they said is safe. Faust commits an offset past
records that were not acknowledged when a later one is, and an agent that raises is restarted on a stream that has
lost its place: either would lose records. So whatever fails ends the process (`watchdog`), which is started anew under
its old name (`slot`) and reads again from what was acknowledged. Records may come twice, and never not at all. One
that cannot be read is put aside with the reason (`deadletter`) and holds up nothing. How a worker does is told by its
log (`logs`), how far it is behind (`lag`), and what it counts, over HTTP (`endpoint`).
"""
