"""The stored history in memory, laid out so that any question is a few cuts through sorted columns.

:class:`Ledger` follows the store after each poll, :class:`View` is one state of it that never
changes: what the metrics show and what the JSON API answers come from the same view.
"""

from exporter.ledger.ledger import Ledger
from exporter.ledger.view import View

__all__ = ["Ledger", "View"]
