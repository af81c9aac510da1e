"""Bucket: a folder of an object store (Amazon S3 and its like, Google Cloud Storage, Azure) as a Storage.

Why the manifest of a ParquetFolder, and no table format: a merge of 10,000 rows into a million by deltalake 1.6 took 560 MB
and wrote all of them anew; deleted rows stay until a VACUUM. Every reader opens plain Parquet. Why obstore, and no
implementation of fsspec: its puts have conditions, and it is one package, without dependencies, for all three stores.

Of two loads at once, the one that began last goes on. Each replaces the manifest as it begins, and only the one that it has
read (S3: If-Match, Google: the generation, Azure: the ETag), so that the other's next commit fails. A load deletes what it
has written itself, and what was there before it began: never what another one writes meanwhile.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import from_url

from source_iterable.config import is_loopback
from source_iterable.errors import ConfigError
from source_iterable.load.bucket_files import BucketFiles
from source_iterable.load.destination import DestinationError
from source_iterable.load.forgetting import no_tables
from source_iterable.load.incoming import errors_of
from source_iterable.load.storage import MANIFEST, unseen

# A name, and a path without anything that could be a password.
_ADDRESS = re.compile(r"//([\w.-]+)((?:/+[\w.=~ -]+)*)/*")
_ENVIRONMENT = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or with boto3 installed AWS_PROFILE",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
_ENDPOINT = {
    "s3": "AWS_ENDPOINT_URL and AWS_REGION",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME",
}
# Of a part of a file; obstore's 30 seconds are short for twelve parts at a time. It tries ten times within three minutes.
_TIMEOUT = "300s"
# As long as nothing was read, an address is more likely to be wrong than a store to be down.
_FEW_RETRIES: Any = {"max_retries": 2}
_AT_A_TIME = 16
_NOT_THE_VERSION: Any = {"e_tag": '"0"', "version": "1"}


class Bucket:
    """A Storage: the folder `dataset` under an address such as s3://bucket/path, of which `scheme` and `rest` are given.

    `spill` is the folder for temporary files. Credentials are taken from the environment, as obstore does. Raises
    ConfigError.
    """

    read = BucketFiles.address

    def __init__(self, scheme: str, rest: str, dataset: str, spill: Path) -> None:
        found = _ADDRESS.fullmatch(rest)
        if not found or {".", ".."}.intersection(rest.split("/")):
            raise ConfigError(f"--to {scheme}:… is no bucket: give {scheme}://bucket/path, and nothing else.")
        endpoint = urlsplit(os.environ.get("AWS_ENDPOINT_URL") or "https://amazonaws.com")
        plain = endpoint.scheme == "http" and (is_loopback(endpoint.hostname) or "AWS_ALLOW_HTTP" in os.environ)
        if not endpoint.hostname or not (plain or endpoint.scheme == "https"):
            raise ConfigError(
                "AWS_ENDPOINT_URL must begin with https://. For a store without TLS in your own network, set "
                "AWS_ALLOW_HTTP=true."
            )
        self._options: Any = {"timeout": _TIMEOUT, **({"allow_http": True} if plain else {})}
        self._scheme, self._name = scheme, found[1]
        self._spill = spill
        self._folder = "/".join([*filter(None, found[2].split("/")), dataset])
        self.shown = f"{scheme}://{self._name}/{self._folder}/"
        # Which the manifest had when it was read or written last.
        self._version: Any = "create"
        self._files: BucketFiles | None = None

    @contextmanager
    def errors(self) -> Iterator[None]:
        with errors_of(self.shown):
            try:
                yield
            except (BaseError, FileNotFoundError) as error:
                raise self._explained(error) from None
            except duckdb.Error:
                # Which quotes a traceback.
                if self._files and self._files.error:
                    raise self._explained(self._files.error) from None
                raise

    def open(self, loaded: bool) -> tuple[bytes | None, dict[str, int]]:
        self._store = self._connected(_FEW_RETRIES)
        # In this order: what is listed and not in this manifest is of loads that cannot commit once it is replaced.
        manifest = self._manifest()
        if loaded and manifest is None:
            raise no_tables()
        files = {}
        for some in obstore.list(self._store, prefix=self._folder):
            for each in some:
                path = each["path"][len(self._folder) + 1 :]
                if path.count("/") == 1:
                    files[path] = each["size"]
        self._try_out()
        self._store = self._connected()
        return manifest, files

    def connect(self, database: duckdb.DuckDBPyConnection) -> None:
        self._files = BucketFiles(self._size, self._read)
        database.register_filesystem(self._files)

    def write(self, path: str, copy: Callable[[str], object]) -> int:
        file = self._spill / path.replace("/", "-")
        try:
            copy(str(file))
            obstore.put(self._store, f"{self._folder}/{path}", file)
            return file.stat().st_size
        finally:
            file.unlink(missing_ok=True)

    def rename(self, paths: Mapping[str, str]) -> None:
        def copy(path: str) -> None:
            obstore.copy(self._store, f"{self._folder}/{path}", f"{self._folder}/{paths[path]}")

        # As fast as possible: meanwhile readers miss these rows.
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            list(pool.map(copy, paths))
        self.delete(paths)

    def delete(self, paths: Collection[str]) -> None:
        # Google and Azure tell of files that are gone already.
        with suppress(FileNotFoundError):
            obstore.delete(self._store, [f"{self._folder}/{path}" for path in paths])

    def replace_manifest(self, manifest: bytes) -> None:
        path = f"{self._folder}/{MANIFEST}"
        try:
            self._version = _version(obstore.put(self._store, path, manifest, mode=self._version, use_multipart=False))
        except (AlreadyExistsError, PreconditionError):
            # It may have been this one, whose response was lost, and which was then repeated.
            mine = self._version
            if self._manifest() != manifest:
                self._version = mine
                raise DestinationError(
                    f"Another load is writing to {self.shown}. This one ends; what it has committed is kept."
                ) from None

    def close(self) -> None:
        return

    def how_to_open(self, files: str) -> str:
        secret = "CREATE SECRET (TYPE s3, PROVIDER credential_chain); " if self._scheme == "s3" else ""
        return f"duckdb -c \"{secret}FROM read_parquet('{self.shown}{files}', union_by_name=true) LIMIT 10\""

    def _size(self, path: str) -> int:
        return obstore.head(self._store, f"{self._folder}/{path}")["size"]

    def _read(self, path: str, start: int, length: int) -> bytes:
        return bytes(obstore.get_range(self._store, f"{self._folder}/{path}", start=start, length=length))

    def _connected(self, retries: Any = None) -> Any:
        more: dict[str, Any] = {}
        if self._scheme == "s3" and "AWS_ACCESS_KEY_ID" not in os.environ:
            try:
                from obstore.auth.boto3 import Boto3CredentialProvider

                more["credential_provider"] = Boto3CredentialProvider()
            except ImportError:
                # obstore then finds those of a machine or a container at Amazon.
                pass
            except Exception:
                raise self._no_credentials() from None
        try:
            return from_url(
                f"{self._scheme}://{self._name}", client_options=self._options, retry_config=retries, **more
            )
        except (BaseError, ValueError, OSError):
            raise self._no_credentials() from None

    def _manifest(self) -> bytes | None:
        """The manifest, whose version is the one to be replaced from now on."""
        try:
            result = obstore.get(self._store, f"{self._folder}/{MANIFEST}")
        except FileNotFoundError as error:
            if _is_missing_bucket(error):
                raise
            return None
        self._version = _version(result.meta)
        return bytes(result.bytes())

    def _try_out(self) -> None:
        """Do once what a load will do: better it fails before anything was read. Raises ConfigError."""
        # If it stays, the next load takes it for a file that does not count.
        copy = f"_probe/{secrets.token_hex(8)}.parquet"
        name = unseen(copy)
        path = f"{self._folder}/{name}"
        obstore.put(self._store, path, b"", mode="create", use_multipart=False)
        try:
            for mode in ("create", _NOT_THE_VERSION):
                try:
                    obstore.put(self._store, path, b"", mode=mode, use_multipart=False)
                except (AlreadyExistsError, PreconditionError):
                    continue
                raise ConfigError(
                    f"The store of {self.shown} ignores the conditions of a put (If-None-Match, If-Match). There, two loads"
                    " at once could destroy each other's rows."
                )
            obstore.copy(self._store, path, f"{self._folder}/{copy}")
        finally:
            self.delete([name, copy])

    def _no_credentials(self) -> ConfigError:
        return ConfigError(f"No credentials for {self.shown} were found: set {_ENVIRONMENT[self._scheme]}.")

    def _explained(self, error: Exception) -> DestinationError | ConfigError:
        """What went wrong. The text of obstore's error is not quoted: it has URLs, which may be signed."""
        text = str(error)
        status = found[1] if (found := re.search(r"status code: (\d{3})", text)) else ""
        code = found[1] if (found := re.search(r"<Code>(\w+)</Code>", text)) else ""
        if _is_missing_bucket(error):
            return ConfigError(
                f"There is no bucket {self._scheme}://{self._name}: check --to, and {_ENDPOINT[self._scheme]}."
            )
        if isinstance(error, FileNotFoundError):
            return DestinationError(
                f"A file of {self.shown} is missing. Was it deleted, or has another load begun to write there?"
            )
        if code in ("PermanentRedirect", "AuthorizationHeaderMalformed") or status in ("301", "307"):
            return ConfigError(f"The bucket of {self.shown} is in another region: set AWS_REGION.")
        if isinstance(error, UnauthenticatedError) or code in (
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "AuthenticationFailed",
        ):
            return ConfigError(f"{self.shown} does not accept these credentials: check {_ENVIRONMENT[self._scheme]}.")
        if isinstance(error, PermissionDeniedError) or status == "403":
            method = found[1] if (found := re.search(r"Error performing (\w+)", text)) else ""
            action = {"GET": "list and read", "PUT": "write"}.get(method, "delete")
            return ConfigError(
                f"These credentials may not {action} files of {self.shown}: docs/load.md has what they need."
            )
        if "169.254." in text or "oauth" in text.lower():
            return self._no_credentials()
        if status:
            return DestinationError(
                f"{self.shown} answered with status {status}{f' ({code})' if code else ''}, again and again."
            )
        return DestinationError(f"{self.shown} cannot be reached: check the network, and {_ENDPOINT[self._scheme]}.")


def _version(of: Mapping[str, Any]) -> dict[str, str]:
    """The version of an object, as a condition of a put."""
    return {name: of[name] for name in ("e_tag", "version") if of.get(name)}


def _is_missing_bucket(error: Exception) -> bool:
    text = str(error)
    return any(code in text for code in ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist"))
