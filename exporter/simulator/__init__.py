"""A GitLab instance that answers over HTTP from memory; it knows nothing of the exporter."""

from exporter.simulator.faults import Fault
from exporter.simulator.server import SimulatedGitLab
from exporter.simulator.world import DEFAULT_TOKEN, Features, World

__all__ = ["DEFAULT_TOKEN", "Fault", "Features", "SimulatedGitLab", "World"]
