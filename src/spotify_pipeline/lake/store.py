"""Access to one bucket; errors of the minio SDK become errors of this pipeline."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import BinaryIO

import urllib3
from minio.deleteobjects import DeleteObject
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError

from spotify_pipeline.connections import ConnectionInfo
from spotify_pipeline.errors import BucketMissing, ConfigurationError, DamagedObject, LakeUnavailable
from spotify_pipeline.lake.client import address_of, bucket_of, client_of

_PART_SIZE = 5 * 2**20  # the smallest that S3 allows
_ABSENT = {"NoSuchKey", "NoSuchObject", "ResourceNotFound"}
_EXISTS = {"PreconditionFailed", "ConditionalRequestConflict"}
_OTHER_REGION = {"AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException"}
# S3 refuses a signature that is older than 15 minutes
_SKEW = timedelta(minutes=15)
_REFUSED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"}


@dataclass(frozen=True)
class StoredObject:
    """Bytes and user metadata of an object (names in lower case, without the x-amz-meta- prefix)."""

    key: str
    data: bytes
    metadata: Mapping[str, str] = field(default_factory=dict)


class Lake:
    """One bucket of an S3 store.

    Each call raises LakeUnavailable (the store cannot be reached), BucketMissing, or ConfigurationError
    (the store refuses the keys, or shows a certificate that is not trusted).

    `lake/client.py` says which parts of the connection it uses.
    """

    def __init__(self, info: ConnectionInfo) -> None:
        self.bucket = bucket_of(info)
        self.address = address_of(info)
        self._conn_id = info.conn_id
        self._client = client_of(info)

    @contextmanager
    def _errors(self, key: str = "") -> Iterator[None]:
        try:
            yield
        except S3Error as error:
            raise self._translate(error, key) from error
        except ValueError as error:  # the SDK checks names before it sends them
            raise ConfigurationError(
                f"bucket '{self.bucket}' of connection '{self._conn_id}' cannot be used: {error}"
            ) from error
        except urllib3.exceptions.MaxRetryError as error:
            if isinstance(error.reason, urllib3.exceptions.SSLError):
                raise ConfigurationError(
                    f"the certificate of the object store at {self.address} cannot be verified "
                    f"({error.reason}): name the file of its authority as ca_file in the extra of connection "
                    f"'{self._conn_id}'"
                ) from error
            raise self._unavailable(error) from error
        except (urllib3.exceptions.HTTPError, ServerError, InvalidResponseError, OSError) as error:
            raise self._unavailable(error) from error
        except MinioException as error:
            raise LakeUnavailable(f"the object store at {self.address} failed on '{key}': {error}") from error

    def _unavailable(self, error: Exception) -> LakeUnavailable:
        return LakeUnavailable(
            f"the object store at {self.address} cannot be reached ({type(error).__name__}): start it, "
            f"or correct connection '{self._conn_id}'; the task tries again"
        )

    def _translate(self, error: S3Error, key: str) -> Exception:
        if error.code == "NoSuchBucket":
            return self._bucket_missing()
        if error.code in _ABSENT:
            return DamagedObject(f"object '{key}' is absent from bucket '{self.bucket}'")
        if error.code in _OTHER_REGION:
            region = error.response.headers.get("x-amz-bucket-region")
            wanted = f"'{region}'" if region else "that of the bucket"
            return ConfigurationError(
                f"bucket '{self.bucket}' on {self.address} is in another region: set region in the extra of "
                f"connection '{self._conn_id}' to {wanted}"
            )
        if error.code == "RequestTimeTooSkewed" or (error.code in _REFUSED and _skewed(error)):
            return ConfigurationError(
                f"the clock of this machine differs from that of the object store at {self.address}, which "
                "refuses signatures of another time: set the clock"
            )
        if error.code in _REFUSED:
            return self._refused(error.code)
        return LakeUnavailable(f"the object store at {self.address} returned {error.code} for '{key}'")

    def _refused(self, code: str | None) -> ConfigurationError:
        return ConfigurationError(
            f"the object store at {self.address} refuses the keys of connection '{self._conn_id}' "
            f"({code}): correct login and password"
        )

    def _bucket_missing(self) -> BucketMissing:
        return BucketMissing(
            f"bucket '{self.bucket}' does not exist on {self.address}: create it with "
            "`spotify-pipeline lake init`, or name another one as schema of connection "
            f"'{self._conn_id}', then clear the task"
        )

    def put(
        self,
        key: str,
        data: bytes | BinaryIO,
        *,
        content_type: str = "application/json",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Write an object in one operation: readers see the old bytes or the new ones, never a part."""
        stream: BinaryIO = io.BytesIO(data) if isinstance(data, bytes) else data
        length = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        with self._errors(key):
            self._client.put_object(
                bucket_name=self.bucket,
                object_name=key,
                data=stream,
                length=length,
                content_type=content_type,
                # the SDK's type also allows lists as values
                metadata=dict(metadata) if metadata else None,
                part_size=_PART_SIZE,
                # by default, several parts are in memory at once
                num_parallel_uploads=1,
            )

    def put_new(self, key: str, data: bytes, *, metadata: Mapping[str, str]) -> bool:
        """Write a JSON object unless its key exists, and return whether it was written.

        Of two simultaneous writers, the first wins if the store supports `If-None-Match` (S3, MinIO and
        SeaweedFS do), else the last.
        """
        headers = {f"x-amz-meta-{name}": value for name, value in metadata.items()}
        with self._errors(key):
            try:
                # the SDK's own put_object has no argument for a condition
                self._client._put_object(
                    bucket_name=self.bucket,
                    object_name=key,
                    data=data,
                    headers=headers | {"Content-Type": "application/json", "If-None-Match": "*"},
                )
            except S3Error as error:
                if error.code in _EXISTS:
                    return False
                raise
        return True

    def get(self, key: str) -> StoredObject:
        """Read a whole object.

        Raises:
            DamagedObject: there is none.
        """
        with self._errors(key):
            response = self._client.get_object(bucket_name=self.bucket, object_name=key)
            try:
                data = response.read()
            finally:
                response.close()
                response.release_conn()
        return StoredObject(key, data, _own_metadata(response.headers))

    def find(self, key: str) -> StoredObject | None:
        """Read a whole object, or return None if it does not exist."""
        try:
            return self.get(key)
        except DamagedObject:
            return None

    def exists(self, key: str) -> bool:
        """Return whether an object exists, without reading it."""
        with self._errors(key):
            try:
                self._client.stat_object(bucket_name=self.bucket, object_name=key)
            except S3Error as error:
                if error.code in _ABSENT:
                    return False
                raise
        return True

    def lines(self, key: str, sha256: str | None = None) -> Iterator[bytes]:
        """Yield the lines of an NDJSON object without holding all of it in memory.

        Raises:
            DamagedObject: the object does not exist; or, after its last line, its digest is not `sha256`.
        """
        digest = hashlib.sha256()
        with self._errors(key):
            response = self._client.get_object(bucket_name=self.bucket, object_name=key)
            try:
                rest = b""
                for chunk in response.stream(2**20):
                    digest.update(chunk)
                    *whole, rest = (rest + chunk).split(b"\n")
                    yield from whole
                if rest:
                    yield rest
            finally:
                response.close()
                response.release_conn()
        if sha256 is not None and digest.hexdigest() != sha256:
            raise DamagedObject(f"object '{key}' has another content than was written")

    def keys(self, prefix: str) -> list[str]:
        """Return all keys below a prefix, sorted."""
        with self._errors(prefix):
            found = self._client.list_objects(bucket_name=self.bucket, prefix=prefix, recursive=True)
            return sorted(item.object_name for item in found if item.object_name and not item.is_dir)

    def first_keys(self, prefix: str, most: int, after: str | None = None) -> list[str]:
        """Return the first `most` keys below a prefix, or those after the key `after`, sorted."""
        with self._errors(prefix):
            found = self._client.list_objects(
                bucket_name=self.bucket, prefix=prefix, recursive=True, start_after=after
            )
            return [item.object_name for item in islice(found, most) if item.object_name]

    def folders(self, prefix: str) -> list[str]:
        """Return the names of the folders directly below a prefix, sorted."""
        with self._errors(prefix):
            found = self._client.list_objects(bucket_name=self.bucket, prefix=prefix)
            names = (item.object_name or "" for item in found if item.is_dir)
            return sorted(name.removeprefix(prefix).rstrip("/") for name in names)

    def delete(self, key: str) -> None:
        """Remove an object; it is no error if it does not exist."""
        with self._errors(key):
            self._client.remove_object(bucket_name=self.bucket, object_name=key)

    def delete_all(self, keys: Sequence[str]) -> None:
        """Remove many objects, a thousand per request; missing ones are no error."""
        with self._errors(keys[0] if keys else ""):
            failed = list(
                self._client.remove_objects(
                    bucket_name=self.bucket, delete_object_list=[DeleteObject(key) for key in keys]
                )
            )
        # S3 reports a missing right for each object of an accepted request
        if failed and failed[0].code in _REFUSED:
            raise self._refused(failed[0].code)
        if failed:
            raise LakeUnavailable(
                f"the object store at {self.address} did not remove {len(failed)} objects, among them "
                f"'{failed[0].name}' ({failed[0].code}): run it again"
            )

    def check(self) -> None:
        """Check that the store can be reached and the bucket exists."""
        with self._errors():
            if self._client.bucket_exists(bucket_name=self.bucket):
                return
        raise self._bucket_missing()

    def keeps_versions(self) -> bool:
        """Return whether the bucket may hold earlier versions of its objects."""
        with self._errors():
            try:
                status = self._client.get_bucket_versioning(bucket_name=self.bucket).status
            except S3Error as error:
                if error.code == "NotImplemented":
                    return False
                raise
        return status in {"Enabled", "Suspended"}

    def create_bucket(self) -> bool:
        """Create the bucket unless it exists, and return whether it was created."""
        with self._errors():
            if self._client.bucket_exists(bucket_name=self.bucket):
                return False
            self._client.make_bucket(bucket_name=self.bucket)
            return True


def _skewed(error: S3Error) -> bool:
    try:
        moment = parsedate_to_datetime(error.response.headers.get("date", ""))
    except ValueError:
        return False
    return bool(abs(datetime.now(UTC) - moment) > _SKEW)


def _own_metadata(headers: Mapping[str, str]) -> dict[str, str]:
    prefix = "x-amz-meta-"
    return {k.lower()[len(prefix) :]: v for k, v in headers.items() if k.lower().startswith(prefix)}
