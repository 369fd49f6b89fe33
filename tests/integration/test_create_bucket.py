"""Tests of the script that creates the bucket of the Docker stack, against real object stores."""

from __future__ import annotations

import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from minio import Minio

from spotify_stack.object_store import HOST, S3Server

pytestmark = pytest.mark.integration
SCRIPT = Path(__file__).resolve().parents[2] / "docker" / "lake" / "create-bucket.sh"
BUCKET = "made-by-script"


def run(server: S3Server, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "LAKE_URL": f"http://{HOST}:{server.port}",
        "LAKE_BUCKET": BUCKET,
        "LAKE_REGION": "us-east-1",
        "LAKE_USER": server.access_key,
        "LAKE_PASSWORD": server.secret_key,
    }
    return subprocess.run(  # noqa: S603 - our own script
        ["/bin/sh", str(SCRIPT)],
        env=environment | changes,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_script_creates_the_bucket_once(each_s3_server: S3Server) -> None:
    for _ in range(2):
        done = run(each_s3_server)
        assert (done.returncode, done.stdout) == (0, f"bucket {BUCKET} exists\n"), done.stderr
    client = Minio(
        endpoint=f"{HOST}:{each_s3_server.port}",
        access_key=each_s3_server.access_key,
        secret_key=each_s3_server.secret_key,
        secure=False,
    )
    assert client.bucket_exists(bucket_name=BUCKET)
    client.remove_bucket(bucket_name=BUCKET)


def test_the_error_for_wrong_keys_contains_no_key(each_s3_server: S3Server) -> None:
    done = run(each_s3_server, LAKE_PASSWORD="not-the-password")
    assert done.returncode == 1
    assert f"bucket {BUCKET} cannot be created" in done.stderr
    assert "403" in done.stderr
    assert "not-the-password" not in done.stdout + done.stderr


def test_the_script_waits_for_a_starting_store() -> None:
    statuses = [503, 503, 404, 503, 200]  # HEAD until the store is ready, then PUT
    methods = []

    class Starting(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            methods.append(self.command)
            self.send_response(statuses[len(methods) - 1])
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_PUT = do_HEAD  # noqa: N815 - the name that the library calls

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer((HOST, 0), Starting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    done = subprocess.run(  # noqa: S603 - our own script
        ["/bin/sh", "-c", f"sleep() {{ :; }}; . {SCRIPT}"],
        env={
            "PATH": os.environ["PATH"],
            "LAKE_URL": f"http://{HOST}:{server.server_port}",
            "LAKE_BUCKET": BUCKET,
            "LAKE_REGION": "us-east-1",
            "LAKE_USER": "user",
            "LAKE_PASSWORD": "password",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    server.shutdown()
    assert (done.returncode, done.stdout) == (0, f"bucket {BUCKET} exists\n"), done.stderr
    assert methods == ["HEAD", "HEAD", "HEAD", "PUT", "PUT"]
