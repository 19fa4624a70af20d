"""Speed and memory against product.md section 8: `python -m tests.benchmarks` (never a test: time is not asserted)."""
