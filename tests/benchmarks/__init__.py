"""Speed and memory beside other programs: `python -m tests.benchmarks` (never a test: time is not asserted)."""
