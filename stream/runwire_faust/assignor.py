"""Which member of a group is given which partitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from faust.assignor import PartitionAssignor

from runwire.wire import dumps, loads


class Assignor(PartitionAssignor):
    """Gives partitions of the same number, of all topics, to the same member, and tells all how many there are.

    Faust's default for an app without tables deals partitions out one by one over all topics: then a run's pulses and
    its events come to the same member only where the numbers happen to be right.

    Attributes:
        counts: by topic, how many partitions the present assignment is of: the same for every member.
    """

    name = "runwire"
    counts: Mapping[str, int] = {}

    def metadata(self, topics: Iterable[str]) -> Any:
        """Return what a member tells when it joins."""
        return RangePartitionAssignor.metadata(topics)

    def assign(self, cluster: Any, member_metadata: Any) -> Any:
        """Return each member's assignment; called in the member that leads."""
        topics = {topic for member in member_metadata.values() for topic in member.subscription}
        told = dumps({topic: len(cluster.partitions_for_topic(topic) or ()) for topic in topics})
        return {
            member: ConsumerProtocolMemberAssignment(given.version, given.assignment, told)
            for member, given in RangePartitionAssignor.assign(cluster, member_metadata).items()
        }

    def on_assignment(self, assignment: Any) -> None:
        """Take what the leader tells, before anything of the assignment is read."""
        self.counts = loads(assignment.user_data)
