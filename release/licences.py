"""Under which licence a package comes, as an SPDX expression."""

from __future__ import annotations

from importlib.metadata import PackageMetadata
from typing import Final

from cyclonedx import spdx

_CLASSIFIED: Final = {
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
}
"""The classifiers that packages here rest on, as SPDX identifiers. BSD's says nothing of which of its licences."""


def licence_of(metadata: PackageMetadata) -> str:
    """Return the SPDX expression of a package's licence.

    ``License-Expression`` is one (PEP 639). Older packages have an identifier, a title or the whole text in
    ``License``; unless it is an identifier, the classifiers tell. Raises ValueError if none of them does.
    """
    if "License-Expression" in metadata:
        return metadata["License-Expression"]
    named = "".join(metadata.get_all("License", ()))
    if named and (spdx.is_supported_id(named) or spdx.is_expression(named)):
        return named
    classifiers = [line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier", ()) if "License ::" in line]
    if classifiers and all(classifier in _CLASSIFIED for classifier in classifiers):
        return " OR ".join(sorted(_CLASSIFIED[classifier] for classifier in classifiers))
    raise ValueError(
        f"{metadata['Name']} {metadata['Version']}: its licence is not told as an SPDX expression "
        f"(License: {named.splitlines()[:1]}, classifiers: {classifiers})"
    )
