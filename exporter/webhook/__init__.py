"""GitLab's deployment events, which say that a project is worth asking about at once.

:mod:`exporter.webhook.receiver` is the page that GitLab calls, :mod:`exporter.webhook.event` reads
what it sends. An event is a hint and no fact: numbers come from GitLab's API only.
"""

from exporter.webhook.receiver import PATH, Outcome, Receiver

__all__ = ["PATH", "Outcome", "Receiver"]
