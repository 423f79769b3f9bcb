"""Downloads from a Maven repository on this machine, which can be made to misbehave."""

import hashlib
import io
import resource
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from stack.artifacts import Artifact
from stack.downloads import clear, ensure
from stack.errors import DownloadError
from tests.stack.helpers import Listener

_CONTENT = b"a very small jar" * 1000
_FILE = "thing-1.0.jar"


def _pin(content: bytes) -> Artifact:
    return Artifact(
        coordinate="example:thing:1.0",
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
    )


@dataclass(slots=True)
class Repository:
    content: bytes = _CONTENT
    hangs_up: bool = False
    requests: Counter[str] = field(default_factory=Counter)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    present = Repository()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            present.requests[self.path] += 1
            if not self.path.endswith((_FILE, ".tar.gz")):
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(present.content)))
            self.end_headers()
            half = len(present.content) // 2
            self.wfile.write(present.content[:half] if present.hangs_up else present.content)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - inherited
            del format, arguments

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        settings = tmp_path / "jgo.conf"
        address = f"http://127.0.0.1:{server.server_port}"
        settings.write_text(f"[repositories]\ncentral = {address}\n")
        monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield present
        server.shutdown()
        thread.join()


def test_a_file_with_other_content_than_pinned_is_thrown_away(
    repository: Repository, tmp_path: Path
) -> None:
    repository.content = b"something else"
    cache = tmp_path / "cache"

    with pytest.raises(DownloadError) as failure:
        ensure("kafka", Listener(), cache=cache, pins=(_pin(_CONTENT),))

    assert str(failure.value).startswith(
        f"The download of {_FILE} is not the file this version was tested with (sha256 "
    )
    assert not list(cache.rglob("*.jar"))


def test_a_broken_download_is_explained_and_the_next_one_works(
    repository: Repository, tmp_path: Path
) -> None:
    repository.hangs_up = True
    cache = tmp_path / "cache"
    with pytest.raises(DownloadError) as failure:
        ensure("kafka", Listener(), cache=cache, pins=(_pin(_CONTENT),))
    repository.hangs_up = False

    folder = ensure("kafka", Listener(), cache=cache, pins=(_pin(_CONTENT),))

    assert str(failure.value) == (
        f"{_FILE} could not be downloaded (ChunkedEncodingError): check the network connection "
        "and try again; what has arrived is kept."
    )
    assert (folder / _FILE).read_bytes() == _CONTENT


def test_two_starts_at_once_download_each_file_once(repository: Repository, tmp_path: Path) -> None:
    def download(_: int) -> Path:
        return ensure("kafka", Listener(), cache=tmp_path / "cache", pins=(_pin(_CONTENT),))

    with ThreadPoolExecutor(2) as pool:
        folders = set(pool.map(download, range(2)))

    assert [(folder / _FILE).read_bytes() for folder in folders] == [_CONTENT]
    assert repository.requests["/example/thing/1.0/" + _FILE] == 1


def test_a_damaged_file_in_the_cache_is_fetched_again(
    repository: Repository, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    folder = ensure("kafka", Listener(), cache=cache, pins=(_pin(_CONTENT),))
    (folder / _FILE).write_bytes(b"cut off")

    ensure("kafka", Listener(), cache=cache, pins=(_pin(_CONTENT),))

    assert (folder / _FILE).read_bytes() == _CONTENT
    assert repository.requests["/example/thing/1.0/" + _FILE] == 2


def test_a_full_disk_is_explained_in_one_sentence(repository: Repository, tmp_path: Path) -> None:
    repository.content = b"0" * 200_000
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from stack.artifacts import Artifact\nfrom stack.downloads import ensure\n"
        "from stack.errors import DownloadError\nfrom stack.progress import Silent\n"
        "pin = Artifact(coordinate='example:thing:1.0', sha256='0', size_bytes=1)\n"
        "try: ensure('kafka', Silent(), cache=Path(sys.argv[1]), pins=(pin,))\n"
        "except DownloadError as error: print(error)\n"
    )
    cache = tmp_path / "cache"

    def leave_little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    result = subprocess.run(
        [sys.executable, "-B", "-c", program, str(cache)],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=leave_little_room,
    )

    assert result.stdout == (
        f"The files of kafka could not be stored in {cache} (File too large): make room or set "
        "DISPATCHER_CACHE_DIR to another folder, and try again.\n"
    )


def test_an_archive_is_unpacked_once_and_not_kept(repository: Repository, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        entry = tarfile.TarInfo("lib/run.jar")
        entry.size = len(_CONTENT)
        tar.addfile(entry, io.BytesIO(_CONTENT))
    repository.content = packed.getvalue()
    pin = replace(_pin(repository.content), packaging="tar.gz", classifier="all")

    folder = ensure("registry", Listener(), cache=tmp_path / "cache", pins=(pin,))
    ensure("registry", Listener(), cache=tmp_path / "cache", pins=(pin,))

    assert [file.relative_to(folder) for file in folder.rglob("*.*ar*")] == [Path("lib/run.jar")]
    assert repository.requests["/example/thing/1.0/thing-1.0-all.tar.gz"] == 1


def test_clearing_the_cache_tells_how_much_became_free(
    repository: Repository, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    ensure("kafka", Listener(), cache=cache, pins=(_pin(_CONTENT),))

    assert clear(cache) == len(repository.content)
    assert not cache.exists()
