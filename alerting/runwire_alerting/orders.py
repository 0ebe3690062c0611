"""What people direct and other workers publish, and what a worker does about it."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from runwire.errors import ConfigError
from runwire.wire import Acknowledgement, Alert, RuleSet, Silence
from runwire.wire.directives import Directive
from runwire_alerting import rulesfile
from runwire_alerting.outbox import Outbox
from runwire_alerting.recall import Recall
from runwire_alerting.rules import Armed, rules
from runwire_alerting.said import Said
from runwire_alerting.settings import Settings
from runwire_alerting.watch import Watch

_log = structlog.get_logger(__name__)


class Orders:
    """The rules that hold, and what was acknowledged and silenced, for the runs that come to be watched here.

    Args:
        settings: what the rules go by where they are told nothing.
        outbox: has a receiver for whoever a rule names.

    Raises:
        ConfigError: the settings name a rule that there is not.

    Attributes:
        rules: in the order in which they judge.
        complete: whether these are all that were applied: what is not known of them is not to end their alerts.
    """

    def __init__(self, settings: Settings, outbox: Outbox) -> None:
        self._settings, self._outbox = settings, outbox
        self._said = Said()
        self.rules: Sequence[Armed] = rules(settings)
        self.complete = True

    def take(self, said: Directive | Alert, watch: Watch, recall: Recall, now: int) -> list[Alert]:
        """Go by what somebody or another worker said. Return the alerts that it changes."""
        if isinstance(said, Alert):
            if not recall.owns(said.run):
                watch.book.hear(said)
            return []
        if isinstance(said, RuleSet):
            self._arm(said, watch)
            return []
        self._said.take(said)
        return _apply(said, watch, now)

    def again(self, watch: Watch, now: int) -> list[Alert]:
        """Go by all that was said before, of runs that are new here. Return the alerts that it changes."""
        return [alert for said in self._said for alert in _apply(said, watch, now)]

    def expire(self, now: int) -> list[str]:
        """Forget what was said and does not matter any more. Return the keys of it."""
        return self._said.expire(now)

    def _arm(self, said: RuleSet, watch: Watch) -> None:
        try:
            armed = rules(self._settings, rulesfile.taken(said))
            self._outbox.call(one.policy for one in armed)
        except ConfigError as error:
            self.complete = False
            _log.error("rules not taken over", by=said.by, reason=str(error))
            return
        self.rules, self.complete = armed, True
        watch.arm(armed)
        _log.info("rules", by=said.by, names=[one.name for one in armed])


def _apply(said: Acknowledgement | Silence, watch: Watch, now: int) -> list[Alert]:
    return watch.book.silence(said, now) if isinstance(said, Silence) else watch.book.acknowledge(said)
