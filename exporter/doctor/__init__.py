"""What is wrong with a set-up, what it does to the numbers, and what to do: ``doctor``.

:mod:`exporter.doctor.examination` is the order of questions; start there. Each of ``reach``,
``token``, ``scope``, ``environments`` and ``deployments`` holds checks, ``seen`` what is read of a
project for them, ``kinds`` all that they can find, and ``report`` what is shown. GitLab is only
read, and the store not touched.
"""

from exporter.doctor.examination import Examination, Progress
from exporter.doctor.finding import Finding, Severity
from exporter.doctor.kinds import Kind
from exporter.doctor.report import Report

__all__ = ["Examination", "Finding", "Kind", "Progress", "Report", "Severity"]
