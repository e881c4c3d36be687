"""Fills simulated instances: a believable company, wild ones, large ones, and new events."""

from exporter.simulator.estate.company import generate
from exporter.simulator.estate.live import live
from exporter.simulator.estate.volume import bulk
from exporter.simulator.estate.wild import random_history

__all__ = ["bulk", "generate", "live", "random_history"]
