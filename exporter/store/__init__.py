"""The stored facts: the only room that knows SQL.

Everything shown can be computed again from what lies here. :mod:`exporter.store.schema` has the
tables, :mod:`exporter.store.engine` opens the database; :mod:`exporter.store.scope` keeps what is
in scope, :mod:`exporter.store.readings` what polls brought, :mod:`exporter.store.links` the merge
requests of deployments, :mod:`exporter.store.gaps` those that GitLab did not link;
:mod:`exporter.store.firsts` and :mod:`exporter.store.counting` keep up what hangs on new
deployments; :mod:`exporter.store.history` answers what the numbers are made of, and
:mod:`exporter.store.provenance` all that is known of a few of them. Each write is one transaction.

Where several exporters share a database, :mod:`exporter.store.leadership` elects one that polls;
:mod:`exporter.store.revisions`, :mod:`exporter.store.standing` and :mod:`exporter.store.events` are
what they tell each other.
"""

from exporter.store.events import Told
from exporter.store.gaps import Deployed
from exporter.store.history import HistoryStore
from exporter.store.leadership import LostLeadError
from exporter.store.links import LinkStore, Unsettled
from exporter.store.provenance import ProvenanceStore, StoredDeployment
from exporter.store.readings import (
    Links,
    News,
    ProjectState,
    Reading,
    ReadingStore,
    SeenDeployment,
)
from exporter.store.scope import Discovered, Scope, ScopeStore
from exporter.store.standing import Standing
from exporter.store.store import Store
from exporter.store.trouble import StoreError, UnusableError

__all__ = [
    "Deployed",
    "Discovered",
    "HistoryStore",
    "LinkStore",
    "Links",
    "LostLeadError",
    "News",
    "ProjectState",
    "ProvenanceStore",
    "Reading",
    "ReadingStore",
    "Scope",
    "ScopeStore",
    "SeenDeployment",
    "Standing",
    "Store",
    "StoreError",
    "StoredDeployment",
    "Told",
    "Unsettled",
    "UnusableError",
]
