"""Fault rounds: trainers log known data while the pipeline's processes are killed, frozen and multiplied.

``make faults ROUNDS=100 SEED=1`` runs them, see docs/exactness.md. A round is made from seed and number alone (`plan`):
its trainers (`trainings`, `trainer`, `ledger`), and its faults (`kinds`), which happen to real processes (`cluster`,
`disk`). After each round (`rounds`) what the store holds is compared with what was logged (`verdict`).
Rounds of alerting, which tells of what goes wrong, are `faults.alerts`.
"""
