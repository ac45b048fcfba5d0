"""Downloads of public files: conditional, resumable, bounded and whole."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from email.message import Message
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from ..._runtime.atomic_file import write_atomically
from ._errors import PriceUpdateError

MAX_BYTES = 256 << 20
"""Size of a file at most; all regions of the largest offer have some 20 MB."""

_ATTEMPTS = 4
_PAUSE_S = 1.0
_SOCKET_TIMEOUT_S = 30.0
_CHUNK_BYTES = 64 << 10
_NOT_MODIFIED, _NO_SUCH_RANGE, _PARTIAL = 304, 416, 206
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_CERTIFICATES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")


class _BrokenDownloadError(Exception):
    """A download ended early; what came is stored, and can be resumed."""


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of a stored file.

    Attributes:
        url: Its address.
        etag: Entity tag of its version; empty when the server gave none.
        modified: Time of its version, as the server wrote it; may be empty.
        sha256: Digest of its content; empty while it is not whole.
    """

    url: str
    etag: str = ""
    modified: str = ""
    sha256: str = ""


class SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from HTTPS to anything else."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Return the request that follows a redirect."""
        if urlsplit(req.full_url).scheme == "https" != urlsplit(newurl).scheme:
            raise PriceUpdateError(f"{req.full_url}: is redirected to plain HTTP")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Downloader:
    """Fetches files into a folder, and only what has changed.

    Proxies are those of the environment: ``HTTPS_PROXY``, ``HTTP_PROXY``,
    ``NO_PROXY``. Certificates are the system's, or those of ``AWS_CA_BUNDLE``.

    Attributes:
        fetched: Files that came anew.
        unchanged: Files that were as before.
    """

    def __init__(
        self,
        *,
        deadline_s: float,
        sleep: Callable[[float], object] = time.sleep,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """Prepare.

        Args:
            deadline_s: Seconds for all files together.
            sleep: Waits between attempts.
            max_bytes: Size of a file at most.
        """
        self._max_bytes = max_bytes
        self.fetched = 0
        self.unchanged = 0
        self._deadline = time.monotonic() + deadline_s
        self._sleep = sleep
        named = (os.environ.get(name) for name in _CERTIFICATES)
        bundle = next(filter(None, named), None)
        self._opener = urllib.request.build_opener(
            SafeRedirects,
            urllib.request.HTTPSHandler(
                context=ssl.create_default_context(cafile=bundle)
            ),
        )

    def fetch(self, url: str, path: Path) -> Path:
        """Bring *path* up to date with *url* and return it.

        A broken download is tried again from where it broke, now and in later runs.

        Raises:
            PriceUpdateError: If the file cannot be had; *path* is then as before.
            OSError: If the folder cannot be written.
        """
        address = urlsplit(url)
        if address.username is not None or address.password is not None:
            # Not shown: messages and logs quote addresses.
            raise PriceUpdateError("expected an address without user and password")
        if address.scheme not in {"http", "https"}:
            raise PriceUpdateError(f"{url}: expected an address of HTTP or HTTPS")
        path.parent.mkdir(parents=True, exist_ok=True)
        problem = ""
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._sleep(_PAUSE_S * 2 ** (attempt - 1))
            self._check_time(url)
            try:
                self._fetch_once(url, path)
            except _BrokenDownloadError as error:
                problem = str(error)
            else:
                return path
        raise PriceUpdateError(f"{url}: {problem}; the next run resumes it")

    def _fetch_once(self, url: str, path: Path) -> None:
        part = path.with_name(f"{path.name}.part")
        known, started = _stored_facts(path), _stored_facts(part)
        is_known = known is not None and known.url == url and _is_whole(path, known)
        headers = {"Accept-Encoding": "identity", "User-Agent": "bedrock-attrib"}
        resumed = 0
        if started is not None and started.url == url and started.etag:
            resumed = _size_of(part)
        if resumed and started is not None:
            headers |= {"Range": f"bytes={resumed}-", "If-Range": started.etag}
        elif is_known and known is not None:
            headers |= _conditions(known)
        with self._opened(url, headers) as answer:
            if answer is None:
                self.unchanged += 1
                return
            if answer.status == _NO_SUCH_RANGE:
                _forget(part)
                raise _BrokenDownloadError("the rest cannot be had")
            self._store(answer, url, part, resumed)
        _finish(part, path)
        self.fetched += 1

    @contextmanager
    def _opened(self, url: str, headers: dict[str, str]) -> Iterator[Any]:
        """Open *url*; yield None when the file has not changed."""
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - `fetch` checks the scheme
        try:
            with self._opener.open(request, timeout=_SOCKET_TIMEOUT_S) as answer:
                yield answer
        except urllib.error.HTTPError as error:
            with error:
                if error.code == _NOT_MODIFIED:
                    yield None
                elif error.code == _NO_SUCH_RANGE:
                    yield error
                elif error.code in _TRY_AGAIN:
                    raise _BrokenDownloadError(f"HTTP {error.code}") from error
                else:
                    raise PriceUpdateError(
                        f"{url}: HTTP {error.code} {error.reason}"
                    ) from error
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            if isinstance(error, OSError) and error.filename is not None:
                raise  # of our folder
            reason = getattr(error, "reason", error)
            raise _BrokenDownloadError(f"{_one_line(reason)}") from error

    def _store(self, answer: Any, url: str, part: Path, resumed: int) -> None:  # noqa: ANN401 - urllib's answers are untyped
        headers: Message = answer.headers
        _check_type(url, headers)
        starts = _start_of(answer, headers)
        started = _stored_facts(part)
        is_same = started is None or headers.get("ETag") in {None, started.etag}
        if starts not in {0, resumed} or (starts and not is_same):
            _forget(part)
            raise _BrokenDownloadError("another part came than was asked for")
        if not starts:
            _forget(part)
            facts = _Facts(
                url, headers.get("ETag", ""), headers.get("Last-Modified", "")
            )
            _store_facts(part, facts)
        expected = headers.get("Content-Length", "")
        with part.open("ab" if starts else "wb") as file:
            came = self._copy(answer, file)
        if _size_of(part) > self._max_bytes:
            _forget(part)
            raise PriceUpdateError(f"{url}: is larger than {self._max_bytes:,} bytes")
        self._check_time(url)
        if expected.isdigit() and came < int(expected):
            raise _BrokenDownloadError(f"{came} bytes came of {expected}")

    def _check_time(self, url: str) -> None:
        if time.monotonic() > self._deadline:
            raise PriceUpdateError(f"{url}: took too long; the next run resumes it")

    def _copy(self, answer: Any, file: IO[bytes]) -> int:  # noqa: ANN401 - as above
        came = 0
        # Not `read`, which waits for a whole chunk from a server that trickles.
        while chunk := answer.read1(_CHUNK_BYTES):
            file.write(chunk)
            came += len(chunk)
            if file.tell() > self._max_bytes or time.monotonic() > self._deadline:
                break
        return came


def forget(path: Path) -> None:
    """Remove a stored file whose content is no good, so that it is fetched anew."""
    _forget(path)
    _forget(path.with_name(f"{path.name}.part"))


def _conditions(known: _Facts) -> dict[str, str]:
    conditions = {"If-None-Match": known.etag, "If-Modified-Since": known.modified}
    return {name: value for name, value in conditions.items() if value}


def _start_of(answer: Any, headers: Message) -> int:  # noqa: ANN401 - as above
    if answer.status != _PARTIAL:
        return 0
    found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    return int(found[1]) if found else -1


def _check_type(url: str, headers: Message) -> None:
    """Refuse what is no file of data, such as the page of a proxy.

    Raises:
        PriceUpdateError: If it is.
    """
    named = headers.get("Content-Type", "")
    kind = named.partition(";")[0].strip().lower()
    if kind and "json" not in kind and not kind.endswith("/octet-stream"):
        raise PriceUpdateError(
            f"{url}: expected JSON, got {kind:.60}; is it a page of a proxy?"
        )
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        raise PriceUpdateError(f"{url}: expected plain JSON, got it compressed")


def _finish(part: Path, path: Path) -> None:
    """Put a whole download in its place."""
    facts = _stored_facts(part)
    if facts is None or not _ends_an_object(part):
        _forget(part)
        raise _BrokenDownloadError("what came is no whole JSON object")
    # A process that ends between the steps leaves a file without facts of its own,
    # which is fetched anew.
    _forget(path)
    part.replace(path)
    _store_facts(path, _Facts(facts.url, facts.etag, facts.modified, _digest(path)))
    _facts_path(part).unlink(missing_ok=True)


def _ends_an_object(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, _size_of(path) - 64))
        return file.read().rstrip().endswith(b"}")


def _is_whole(path: Path, facts: _Facts) -> bool:
    return path.is_file() and bool(facts.sha256) and _digest(path) == facts.sha256


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size_of(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _facts_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.meta")


def _stored_facts(path: Path) -> _Facts | None:
    with contextlib.suppress(OSError, ValueError, TypeError):
        return _Facts(**json.loads(_facts_path(path).read_bytes()))
    return None


def _store_facts(path: Path, facts: _Facts) -> None:
    write_atomically(_facts_path(path), json.dumps(asdict(facts)))


def _forget(path: Path) -> None:
    path.unlink(missing_ok=True)
    _facts_path(path).unlink(missing_ok=True)


def _one_line(text: object) -> str:
    return f"{' '.join(str(text).split()):.300}" or type(text).__name__
