"""This exporter's numbers against GitLab's own, where GitLab is licensed for them.

:mod:`exporter.verify.compare` asks for both, day by day. :mod:`exporter.verify.arithmetic` computes
a number from stored facts by rules that can be changed one by one, and
:mod:`exporter.verify.reasons` finds which changes turn ours into GitLab's: that is why they differ.
:mod:`exporter.verify.evidence` asks GitLab what it has. :mod:`exporter.verify.table` shows it.
"""

from exporter.verify.compare import Comparison, Difference, VerifyError, verify
from exporter.verify.reasons import Reason
from exporter.verify.table import as_table

__all__ = ["Comparison", "Difference", "Reason", "VerifyError", "as_table", "verify"]
