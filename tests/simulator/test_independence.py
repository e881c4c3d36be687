import subprocess
import sys

PROGRAM = """
import sys
import exporter.simulator.__main__
names = [name.split(".") for name in sys.modules]
print([name for name in names if name[0] == "exporter" and name[1:2] not in ([], ["simulator"])])
"""


def test_simulator_loads_nothing_else_of_the_exporter() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"
