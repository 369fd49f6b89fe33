"""An S3 server: MinIO, where `make minio` has built it from source with Go.

MinIO's makers publish no server any more, neither as a program nor as an image, so it cannot come from a
wheel as SeaweedFS does. The pipeline asks either for plain S3 only.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from spotify_pipeline.errors import ConfigurationError
from spotify_pipeline.settings import PROJECT_ROOT
from spotify_stack.s3_server import BUCKET, HOST, REGION, check_bucket

BUILT = PROJECT_ROOT / "build" / "bin" / "minio"


def find_binary() -> Path | None:
    """The `minio` server program: that of `make minio`, else one on the PATH, else None."""
    if BUILT.is_file():
        return BUILT
    found = shutil.which("minio")
    return Path(found) if found else None


def binary() -> Path:
    """The `minio` server program.

    Raises:
        ConfigurationError: it is not there.
    """
    found = find_binary()
    if found is None:
        raise ConfigurationError("MinIO is not built: run make minio, which needs Go 1.24 or newer")
    return found


@dataclass(frozen=True)
class MinioServer:
    """One server: a data folder, a port, and the key pair of its root user, the only one it has."""

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
        """Folder in which MinIO looks for public.crt and private.key; it speaks TLS when they are there."""
        return self.data.with_name(self.data.name + ".certificates")

    def initialise(self) -> None:
        """Create the data folder, in which a folder is a bucket."""
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.data / self.bucket).mkdir(exist_ok=True)
        self.certificates.mkdir(exist_ok=True, mode=0o700)

    def command(self) -> list[str]:
        """Command line of the server; it stays in the foreground and logs to its output."""
        address, certificates = f"--address={self.endpoint}", f"--certs-dir={self.certificates}"
        return [str(binary()), "server", "--quiet", address, certificates, str(self.data)]

    def environment(self) -> dict[str, str]:
        """The key pair; no console, and no question to its makers for a newer release."""
        return {
            "MINIO_ROOT_USER": self.access_key,
            "MINIO_ROOT_PASSWORD": self.secret_key,
            "MINIO_REGION": REGION,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
        }

    def check(self) -> None:
        """Send a signed request for the bucket.

        Raises:
            NotReady: the server does not answer, refuses the key pair, or has no bucket yet.
        """
        check_bucket(self)

    def remove_sockets(self) -> None:
        """Nothing: MinIO keeps no socket outside its data folder."""
