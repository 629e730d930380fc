"""A stand-in for the VLM Run API, for the demo and the tests: real HTTP, a replayed trace, faults by scenario.

Beside the API it serves ``/simulator``: its state, the truth to compare an exporter's counters with, and switches for
scenarios and faults. Of the exporter it uses the shared values only.
"""

from exporter.simulator.platform import SimulatorOptions
from exporter.simulator.scenarios import SCENARIOS
from exporter.simulator.server import run

__all__ = ["SCENARIOS", "SimulatorOptions", "run"]
