"""When GitLab is asked, and about what; one bad project never stops the others.

:mod:`exporter.poller.poll` is one poll of all projects, :mod:`exporter.poller.discovery` finds
which they are, :mod:`exporter.poller.named` has those polled soon that events name,
:mod:`exporter.poller.gaps` finds merge requests that GitLab did not link,
:mod:`exporter.poller.settling` has merge requests read in time,
:mod:`exporter.poller.schedule` runs all of it, :mod:`exporter.poller.status` is what they tell of
themselves; :mod:`exporter.poller.replica` has one of several exporters do all that.
"""

from exporter.poller.discovery import Discovery
from exporter.poller.named import NamedProjects
from exporter.poller.poll import Poll
from exporter.poller.replica import Beginning, Duties, Replica
from exporter.poller.schedule import Schedule
from exporter.poller.settling import Settling
from exporter.poller.status import Status
from exporter.poller.token_expiry import TokenExpiry

__all__ = [
    "Beginning",
    "Discovery",
    "Duties",
    "NamedProjects",
    "Poll",
    "Replica",
    "Schedule",
    "Settling",
    "Status",
    "TokenExpiry",
]
