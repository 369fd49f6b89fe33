"""What every S3 server of a stack has in common, whichever program it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import urllib3
from minio import Minio
from minio.error import MinioException

from spotify_stack.health import NotReady

HOST = "127.0.0.1"
BUCKET = "spotify-lake"
REGION = "us-east-1"
REQUEST_SECONDS = 2


class S3Server(Protocol):
    """One server with one bucket, and the only key pair that it accepts."""

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
        """Name of the bucket that is there once `check` passes."""

    @property
    def access_key(self) -> str:
        """User."""

    @property
    def secret_key(self) -> str:
        """Password."""

    def initialise(self) -> None:
        """Create what the server needs before its start; repeatable."""

    def command(self) -> list[str]:
        """Command line of the server; it stays in the foreground."""

    def environment(self) -> Mapping[str, str]:
        """Variables that the server needs, the key pair among them."""

    def check(self) -> None:
        """Send a signed request for the bucket; raises NotReady."""

    def remove_sockets(self) -> None:
        """Remove what a killed server leaves outside its data folder."""


def check_bucket(server: S3Server) -> None:
    """Send a signed request for the bucket.

    Raises:
        NotReady: the server does not answer, refuses the key pair, or has no bucket yet.
    """
    http = urllib3.PoolManager(timeout=urllib3.Timeout(REQUEST_SECONDS), retries=False)
    try:
        # the region is given so that the SDK does not ask for it first
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
        raise NotReady(f"the object store on port {server.port} does not answer: {error}") from error
    finally:
        http.clear()
