"""The bill of materials of what is shipped, as CycloneDX 1.6 JSON on standard output: ``python -m release.sbom``.

It lists exactly what requirements.txt locks: each package once, with its version, the hashes of the files it is
installed from, its licence and who requires it. The same tree gives the same bytes: its serial number is made of its
content, and its time is SOURCE_DATE_EPOCH (seconds) or left out.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.contrib.this.builders import this_component as this_library
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseAcknowledgement
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from exporter.version import __version__
from release import lock
from release.licences import licence_of
from release.lock import Pin

ROOT: Final = Path(__file__).parent.parent


def bill_of_materials(project: Mapping[str, Any], pins: Iterable[Pin], made: datetime | None) -> str:
    """Return the bill of materials of a project (the table of pyproject.toml) that ships with ``pins``.

    Licences are read from the installed packages. Raises ValueError if one is not installed at the pinned version or
    does not tell its licence, and if the outcome does not satisfy the schema of CycloneDX.
    """
    licences = LicenseFactory()
    root = Component(
        type=ComponentType.APPLICATION,
        name=project["name"],
        version=__version__,
        description=project["description"],
        licenses=[licences.make_from_string(project["license"])],
        purl=PackageURL("pypi", name=project["name"], version=__version__),
        bom_ref=project["name"],
    )
    components = {pin.name: _component(pin, licences) for pin in pins}
    bom = Bom(components=components.values())
    bom.metadata.component = root
    bom.metadata.tools.components.add(this_library())
    for required in [root, *components.values()]:
        bom.register_dependency(required, [components[pin.name] for pin in pins if required.name in pin.via])
    # Of the library's own making, the one would be random and the other now. The schema asks for neither, but GitHub's
    # attestations take a bill without a serial number for none (actions/attest, src/sbom.ts).
    bom.serial_number = UUID(int=0)
    bom.metadata.timestamp = made  # type: ignore[assignment]
    bom.serial_number = uuid5(NAMESPACE_URL, JsonV1Dot6(bom).output_as_string())
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    if problem := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(f"the bill of materials does not satisfy the schema of CycloneDX 1.6: {problem}")
    return text + "\n"


def _component(pin: Pin, licences: LicenseFactory) -> Component:
    try:
        installed = metadata(pin.name)
    except PackageNotFoundError:
        raise ValueError(f"{pin.name} is not installed: run `make venv`") from None
    if installed["Version"] != pin.version:
        raise ValueError(f"{pin.name} is installed as {installed['Version']}, locked is {pin.version}: run `make venv`")
    purl = PackageURL("pypi", name=pin.name, version=pin.version)
    # Of the component itself there is no hash: it may be installed from any of several files.
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(purl.to_string()),
        comment="the files that may be installed, one a platform",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in pin.hashes],
    )
    return Component(
        type=ComponentType.LIBRARY,
        name=pin.name,
        version=pin.version,
        description=installed["Summary"],
        licenses=[
            licences.make_from_string(licence_of(installed), license_acknowledgement=LicenseAcknowledgement.DECLARED)
        ],
        purl=purl,
        bom_ref=pin.name,
        external_references=[files],
    )


def main() -> int:
    """Write the bill of materials; return the exit code."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        made = datetime.fromtimestamp(int(epoch), UTC) if epoch else None
    except (ValueError, OverflowError, OSError):
        print(f"sbom: SOURCE_DATE_EPOCH is {epoch!r} (allowed: seconds since 1970)", file=sys.stderr)
        return 2
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    try:
        print(bill_of_materials(project, lock.read(ROOT / "requirements.txt"), made), end="")
    except ValueError as error:
        print(f"sbom: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
