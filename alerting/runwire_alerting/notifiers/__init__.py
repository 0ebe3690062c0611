"""Ways to tell people: what is declared (`declaration`), and the receivers that are made of it (`receivers`).

A `receiver.Receiver` owes and retries; what it sends is a `notice.Notice`, and by what it sends is a `channel.Channel`:
`webhook.Webhook` or `apprise.AppriseChannel`. `runwire_alerting.routes` says who is told of what.
"""

from __future__ import annotations
