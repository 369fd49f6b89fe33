"""The embedded stack: every server the pipeline needs, from wheels, on loopback, without Docker.

`stack` starts and stops it, `demo` drives it; the other modules each know one server or one concern.
"""
