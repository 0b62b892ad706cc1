"""How long claims and send permits last."""

from datetime import timedelta

CLAIM_LIFETIME = timedelta(seconds=60)
"""How long after its last send permit a claim may still lead to a POST or to its answer: longer than beginning to send,
waiting for the answer and reading it may take together. An older claim is found to have expired."""

PERMIT_LIFETIME = timedelta(seconds=1.5)
"""How long a send permit lasts, and so how soon a pause has stopped every POST."""
