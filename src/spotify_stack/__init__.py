"""The embedded stack: all servers that the pipeline needs, from wheels, on loopback, without Docker.

`stack` starts and stops it, `demo` runs the demo; each other module is about one server or one task.
"""
