"""What to do about an alert: one action of a closed list for each kind of rule, so a receiver may act on its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Action = Literal[
    "look",
    "read_error",
    "resume",
    "dump_stacks",
    "roll_back",
    "check_data",
    "check_node",
    "drain_node",
    "free_space",
    "fix_input",
    "stop_run",
    "check_alerting",
    "nothing",
]

WORDS: Mapping[Action, str] = {
    "look": "Look at the run's page.",
    "read_error": "Read the error, fix its cause, and go on from the last checkpoint.",
    "resume": "Go on from the last checkpoint.",
    "dump_stacks": "Dump the stacks of the ranks that are behind (py-spy dump --pid PID) before you stop the run.",
    "roll_back": "Stop the run and go on from the last checkpoint before this step, without the data around it.",
    "check_data": "Look at what the run reads: the same number again and again is a broken input or a swallowed NaN.",
    "check_node": "Look at the host: its temperature, its power, its network and its kernel log.",
    "drain_node": "Take the host out of use, and go on elsewhere.",
    "free_space": "Make room before the next checkpoint fails.",
    "fix_input": "Give the input pipeline more workers or a faster disk: the GPUs wait for it.",
    "stop_run": "Stop the run, or change what it trains with.",
    "check_alerting": "Look at the alerting worker and at Kafka: `runwire status`, and the worker's log.",
    "nothing": "Nothing is to be done.",
}

_OF_KIND: Mapping[str, Action] = {
    "crash": "read_error",
    "host_lost": "drain_node",
    "heartbeat": "check_node",
    "stalled": "dump_stacks",
    "nonfinite": "roll_back",
    "ranks_disagree": "dump_stacks",
    "restart_without_progress": "read_error",
    "restart_storm": "read_error",
    "loss_frozen": "check_data",
    "loss_spike": "roll_back",
    "divergence": "roll_back",
    "phase_overrun": "dump_stacks",
    "slow_start": "dump_stacks",
    "gpu_xid": "drain_node",
    "gpu_idle": "stop_run",
    "straggler": "check_node",
    "replicas_disagree": "drain_node",
    "slowdown": "check_node",
    "gradient_spike": "roll_back",
    "memory_creep": "free_space",
    "disk_full": "free_space",
    "throttle": "check_node",
    "input_bottleneck": "fix_input",
    "checkpoint_overdue": "look",
    "suspect_node": "drain_node",
    "plateau": "stop_run",
    "overfit": "stop_run",
    "vanishing": "stop_run",
    "threshold": "look",
    "absent": "look",
    "blind": "check_alerting",
    "user": "look",
    "preempted": "resume",
    "restarting": "nothing",
    "finished": "nothing",
}


def action(kind: str, state: str) -> Action:
    """Return what is to be done about an alert of a kind; "look" where this program does not know it."""
    return "nothing" if state == "resolved" else _OF_KIND.get(kind, "look")
