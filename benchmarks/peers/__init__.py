"""What the benchmarks compare with. Each peer is a program of its own, called with one JSON argument."""
