"""The rule for faults of GPUs that the kernel's log tells."""

from __future__ import annotations

import pytest
from timeline import Timeline, event, pulse

from runwire.wire import Event


def fault(at: float, code: int, pci: str = "0000:3b:00", attempt: float = 0) -> Event:
    """Return what the SDK says of a fault."""
    return event(at, "alert", place=code, title="GPU fault", text="pid=7, Ch 8", level="WARN", attempt=attempt,
        xid={"code": code, "pci": pci})  # fmt: skip


@pytest.mark.parametrize(
    ("code", "severity", "advice"),
    [
        (13, "warning", "restart the program"),
        (79, "critical", "reboot the host"),
        (95, "critical", "reset the GPU"),
        (48, "critical", "diagnosis"),
        (62, "warning", "look it up"),
    ],
)
def test_a_fault_is_told_by_its_class_with_what_to_do(code: int, severity: str, advice: str) -> None:
    """And it is not told again as what the training itself said."""
    line = Timeline()
    line.read(1, pulse(1), fault(2, code))
    [alert] = line.alerts
    assert (alert.rule, alert.severity, alert.title) == (
        "gpu_xid",
        severity,
        f"bold-mlp: GPU fault XID {code} on node-1",
    )
    assert "the GPU at PCI 0000:3b:00: pid=7, Ch 8." in alert.text
    assert advice in alert.text


@pytest.mark.parametrize("code", [43, 63, 92])
def test_codes_that_ask_for_nothing_are_not_told(code: int) -> None:
    """A page remapped in time is how it should be."""
    line = Timeline()
    line.read(1, pulse(1), fault(2, code))
    assert line.alerts == []


def test_the_fault_is_joined_to_the_rank_that_uses_the_gpu() -> None:
    """The first rank of a host reads the log; NVML and the log write PCI addresses differently."""
    line = Timeline()
    line.read(1, pulse(1), pulse(1, rank=3))
    line.read(1, event(1, "about", rank=3, gpus=[{"index": 3, "uuid": "GPU-7", "pci": "00000000:3B:00.0"}]))
    line.read(2, fault(2, 79), fault(2, 79, "0000:86:00"))
    assert [alert.rank for alert in line.alerts] == [3, 0]
    assert "GPU 3 of rank 3 (GPU-7, PCI 0000:3b:00)" in line.alerts[0].text


def test_each_gpu_and_code_is_told_once_an_attempt_and_the_next_attempt_resolves() -> None:
    """What is read again is not told again; the same fault in the next attempt is, as an alert of its own."""
    line = Timeline()
    line.read(1, pulse(1), fault(2, 79))
    line.restart()
    line.read(3, pulse(1), fault(2, 79), fault(2, 48))
    line.read(30, pulse(30, attempt=30), fault(31, 79, attempt=30))
    assert [(alert.state, alert.value, alert.episode) for alert in line.alerts] == [
        ("firing", 79, 1),
        ("firing", 48, 1),
        ("resolved", 79, 1),
        ("resolved", 48, 1),
        ("firing", 79, 1),  # an alert of its own, which a later worker tells from one that was forgotten
    ]
    assert line.alerts[0].id != line.alerts[-1].id
