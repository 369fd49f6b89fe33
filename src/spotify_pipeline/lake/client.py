"""The client of the minio SDK, made from connection `spotify_lake`.

It uses host, port, login (access key), password (secret key) and schema (bucket). The extra can have `secure`
(TLS), `ca_file` (a PEM file of the authorities to trust instead of the system's) and `region`.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path

import urllib3
from minio import Minio

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import ConfigurationError

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 60.0


def bucket_of(info: ConnectionInfo) -> str:
    """Return the name of the bucket.

    Raises:
        ConfigurationError: the connection names a folder, too.
    """
    bucket = info.schema or "spotify-lake"
    if "/" in bucket:
        raise ConfigurationError(
            f"schema '{bucket}' of connection '{info.conn_id}' is not a bucket: give the bucket's name, "
            "without a folder"
        )
    return bucket


def address_of(info: ConnectionInfo) -> str:
    """Return the URL of the store.

    Raises:
        ConfigurationError: the host has a scheme, a port or a path.
    """
    return f"{'https' if _is_secure(info) else 'http'}://{_endpoint(info)}"


def client_of(info: ConnectionInfo) -> Minio:
    """Return a client with time-outs and retries.

    Raises:
        ConfigurationError: a part of the connection is missing or wrong.
    """
    secure = _is_secure(info)
    return Minio(
        endpoint=_endpoint(info),
        access_key=info.require("login"),
        secret_key=info.require("password"),
        secure=secure,
        # given, so that the SDK does not request the region of the bucket
        region=str(info.extra.get("region", "us-east-1")),
        http_client=urllib3.PoolManager(
            cert_reqs="CERT_REQUIRED",
            ca_certs=_authorities(info) if secure else None,
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT),
            maxsize=16,
            retries=urllib3.Retry(total=3, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504]),
        ),
    )


def _is_secure(info: ConnectionInfo) -> bool:
    return str(info.extra.get("secure", False)).lower() in {"1", "true", "yes"}


def _endpoint(info: ConnectionInfo) -> str:
    return f"{_host(info)}:{info.port or (443 if _is_secure(info) else 9000)}"


def _host(info: ConnectionInfo) -> str:
    """Return the host for the SDK, an IPv6 address in brackets.

    Raises:
        ConfigurationError: it is an address with a scheme, a port or a path.
    """
    host = info.require("host").strip()
    bare = host.strip("[]")
    try:
        if ipaddress.ip_address(bare).version == 6:
            return f"[{bare}]"
    except ValueError:
        pass
    if "://" in host or "/" in host or ":" in host:
        raise ConfigurationError(
            f"host '{host.rpartition('@')[2]}' of connection '{info.conn_id}' is not just a name: give the "
            "name as host, the port as port, and true as secure in the extra for https"
        )
    return host


def _authorities(info: ConnectionInfo) -> str | None:
    """Return the path of the PEM file that the connection names; None for the system's authorities.

    Raises:
        ConfigurationError: there is no such file.
    """
    named = info.extra.get("ca_file")
    if not named:
        return None
    if not Path(named).is_file():
        raise ConfigurationError(
            f"connection '{info.conn_id}' names ca_file '{named}', which is not a file: mount it, or correct "
            "the path"
        )
    return str(named)
