"""Write the list of pinned downloads anew (for maintainers): `python -m stack.pin`.

Run it after changing a version below, read the difference, and commit it with the change.
"""

import hashlib
import tempfile
from pathlib import Path

from stack.artifacts import LOCK_FILE

KAFKA = ("org.apache.kafka:kafka_2.13:4.4.0", "org.slf4j:slf4j-simple:1.7.36")
REGISTRY = ("io.apicurio", "apicurio-registry-app", "3.3.3")


def _entry(part: str, coordinate: str, file: Path, extra: str = "") -> str:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return (
        f'[[{part}]]\ncoordinate = "{coordinate}"\n{extra}'
        f'sha256 = "{digest}"\nsize_bytes = {file.stat().st_size}\n'
    )


def write_pins() -> None:
    """Resolve all dependencies, download them and write their names, sizes and sha256."""
    from jgo.maven import MavenContext  # noqa: PLC0415 - only this tool and a download need it

    with tempfile.TemporaryDirectory() as scratch:
        maven = MavenContext(repo_cache=Path(scratch))
        wanted = [maven.create_dependency(coordinate) for coordinate in KAFKA]
        direct, transitive = maven.resolver.resolve(wanted)
        entries = [
            _entry("kafka", f"{d.groupId}:{d.artifactId}:{d.version}", d.artifact.resolve())
            for d in sorted([*direct, *transitive], key=lambda d: (d.groupId, d.artifactId))
        ]
        group, name, version = REGISTRY
        registry = (
            maven.project(group, name)
            .at_version(version)
            .artifact(classifier="all", packaging="tar.gz")
            .resolve()
        )
        kind = 'packaging = "tar.gz"\nclassifier = "all"\n'
        entries.append(_entry("registry", ":".join(REGISTRY), registry, kind))
    head = "# Written by `python -m stack.pin`: what the stack downloads, and what it must be.\n\n"
    LOCK_FILE.write_text(head + "\n".join(entries))


if __name__ == "__main__":
    write_pins()
