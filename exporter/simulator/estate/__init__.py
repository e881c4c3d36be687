"""The made-up company behind `exporter.simulator.generator`, a file for each way it comes about."""
