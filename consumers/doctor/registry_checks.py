"""The schema registry: does it answer, and has it this build's schemas under their ids?"""

from collections.abc import Iterator

from consumers.doctor.finding import Finding, fail, failed, ok
from consumers.errors import DispatcherError
from consumers.registry import RegistrySchemaSource, schema_findings
from events.catalog import EVENTS


def check_registry(source: RegistrySchemaSource) -> Iterator[Finding]:
    """Hold ids against fingerprints."""
    try:
        findings = schema_findings(source)
    except DispatcherError as error:
        yield failed("registry", error, "start the registry, or correct registry.url")
        return
    if findings:
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        says, _, cure = findings[0].partition(": ")
        if len(findings) == len(EVENTS):
            says, more = f"none of the {len(EVENTS)} schemas is registered as this build has it", ""
        yield fail("registry", f"{says}{more}", cure.replace("`", "").removeprefix("run "))
    else:
        yield ok("registry", f"{len(EVENTS)} schemas, each under an id of this build's fingerprint")
