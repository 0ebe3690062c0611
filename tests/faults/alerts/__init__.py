"""Fault rounds of alerting: runs go wrong while its workers are killed, frozen and doubled, and its receiver fails.

``make faults ALERTS=200 SEED=1`` runs one, see docs/alerts.md. What goes wrong, and what befalls the watchers, is made
from the seed (`plan`): real trainings (`trainer`), real workers and a webhook that is signed (`watchers`). When all is
at rest (`rounds`) three are compared: what was to be told, what the store's history of alerts holds, and what the
webhook got (`verdict`).
"""
