"""Get the pinned files once into the user's cache, and from then on never touch the network."""

import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from stack.artifacts import Artifact, Part, read_pins
from stack.errors import DownloadError, StackConfigError
from stack.locks import exclusive
from stack.processes import mentioning
from stack.progress import Progress

_PARALLEL = 4
_ATTEMPTS = 2
_LOCK_TIMEOUT_S = 900
_COMPLETE = ".complete"


def cache_directory() -> Path:
    """Name the folder of the downloads; `DISPATCHER_CACHE_DIR` overrides the system's choice."""
    chosen = os.environ.get("DISPATCHER_CACHE_DIR") or platformdirs.user_cache_dir("dispatcher")
    return Path(chosen) / "stack"


def ensure(
    part: Part,
    progress: Progress,
    *,
    cache: Path | None = None,
    pins: tuple[Artifact, ...] | None = None,
) -> Path:
    """Give the folder with a part's files, downloading what is not there yet.

    Kafka's folder holds its jars, the registry's the unpacked program.
    Raises DownloadError; what was downloaded before the error is kept.
    """
    cache = cache or cache_directory()
    pins = pins or read_pins().of(part)
    version = hashlib.sha256("".join(pin.sha256 for pin in pins).encode()).hexdigest()[:12]
    folder = cache / f"{part}-{version}"
    if _is_complete(part, folder, pins):
        return folder
    with _explained(part, cache):
        cache.mkdir(parents=True, exist_ok=True)
        lock = cache / f"{part}.lock"
        sentence = f"Another process is downloading {part}; waiting for it."
        with exclusive(lock, timeout_s=_LOCK_TIMEOUT_S, waiting=lambda: progress.note(sentence)):
            if not _is_complete(part, folder, pins):
                _complete(part, folder, pins, progress)
    return folder


def clear(cache: Path | None = None) -> int:
    """Delete all downloads; gives the number of bytes that became free.

    Raises StackConfigError while a stack runs from them.
    """
    cache = cache or cache_directory()
    users = mentioning(str(cache))
    if users:
        raise StackConfigError(
            f"Process {users[0]} runs from the downloads in {cache}: stop all stacks first."
        )
    if not cache.exists():
        return 0
    freed = sum(file.stat().st_size for file in cache.rglob("*") if file.is_file())
    shutil.rmtree(cache)
    return freed


def _is_complete(part: Part, folder: Path, pins: tuple[Artifact, ...]) -> bool:
    if not (folder / _COMPLETE).exists():
        return False
    return part == "registry" or not _missing(folder, pins)


def _missing(folder: Path, pins: tuple[Artifact, ...]) -> list[Artifact]:
    def there(pin: Artifact) -> bool:
        file = folder / pin.file_name
        return file.exists() and file.stat().st_size == pin.size_bytes

    return [pin for pin in pins if not there(pin)]


def _complete(part: Part, folder: Path, pins: tuple[Artifact, ...], progress: Progress) -> None:
    for leftover in folder.parent.glob(f".{part}-*"):  # of a download that was killed
        shutil.rmtree(leftover)
    folder.mkdir(exist_ok=True)
    missing = _missing(folder, pins)
    total = sum(pin.size_bytes for pin in missing)
    with (
        tempfile.TemporaryDirectory(prefix=f".{part}-", dir=folder.parent) as scratch,
        progress.downloading(part, total) as received,
        ThreadPoolExecutor(_PARALLEL) as pool,
    ):
        jobs = [
            pool.submit(_fetch, pin, Path(scratch, str(n)), folder, received)
            for n, pin in enumerate(missing)
        ]
        try:
            for job in jobs:
                job.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        if part == "registry":
            _unpack(pins[0], folder, Path(scratch, "unpacked"))
    (folder / _COMPLETE).touch()


def _fetch(pin: Artifact, scratch: Path, folder: Path, received: Callable[[int], None]) -> None:
    file = _download(pin, scratch, received)
    with file.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    if sha256 != pin.sha256:
        raise DownloadError(
            f"The download of {pin.file_name} is not the file this version was tested with "
            f"(sha256 {sha256[:12]}… instead of {pin.sha256[:12]}…) and was thrown away: try "
            "again, and if it stays so ask whoever runs your package mirror."
        )
    file.replace(folder / pin.file_name)


def _download(pin: Artifact, scratch: Path, received: Callable[[int], None]) -> Path:
    import requests  # noqa: PLC0415 - slow to import, needed once in a machine's life
    from jgo.config import GlobalSettings  # noqa: PLC0415 - as above
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415 - as above

    @contextmanager
    def bar(_name: str, _total: int) -> Iterator[Callable[[int], None]]:
        yield received

    group, name, version = pin.coordinate.split(":")
    for attempt in range(1, _ATTEMPTS + 1):
        repository = scratch / str(attempt)  # jgo keeps half a file after a broken download
        maven = MavenContext(PythonResolver(progress_callback=bar), repo_cache=repository)
        maven.remote_repos.update(GlobalSettings.load().repositories)  # the user's own mirror
        artifact = maven.project(group, name).at_version(version)
        try:
            return Path(artifact.artifact(pin.classifier, pin.packaging).resolve())
        except (requests.RequestException, RuntimeError) as error:
            if attempt == _ATTEMPTS:
                reason = "not found" if isinstance(error, RuntimeError) else type(error).__name__
                raise DownloadError(
                    f"{pin.file_name} could not be downloaded ({reason}): check the network "
                    "connection and try again; what has arrived is kept."
                ) from error
    raise AssertionError("unreachable")


def _unpack(pin: Artifact, folder: Path, scratch: Path) -> None:
    archive = folder / pin.file_name
    with tarfile.open(archive) as tar:
        # Python 3.11.2 (Debian 12) has no filters yet; what we unpack is pinned by sha256.
        tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
        tar.extractall(scratch)  # noqa: S202 - filtered, as the line above says
    for entry in scratch.iterdir():
        target = folder / entry.name
        if target.exists():
            shutil.rmtree(target) if target.is_dir() else target.unlink()
        entry.replace(target)
    archive.unlink()


@contextmanager
def _explained(part: Part, cache: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DownloadError(
            f"The files of {part} could not be stored in {cache} ({error.strerror}): make room "
            "or set DISPATCHER_CACHE_DIR to another folder, and try again."
        ) from error
    except tarfile.TarError as error:
        raise DownloadError(f"The files of {part} could not be unpacked ({error}).") from error
