"""Render every kustomization of deploy/kubernetes and check each object: ``make check-kubernetes``.

Exits 1 with a line for each problem.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import yaml

from tests.kubernetes import podsecurity, schemas
from tests.kubernetes.manifests import KUBERNETES, ROOT, WORKLOADS, CannotRender, Rendered, kustomizations, render


def main() -> int:
    """Check all of them, and return the exit code."""
    namespace = Rendered((yaml.safe_load((KUBERNETES / "namespace.yaml").read_text(encoding="utf-8")),))
    bad = report("deploy/kubernetes/namespace.yaml", namespace)
    for folder in kustomizations():
        name = str(folder.relative_to(ROOT))
        try:
            bad += report(name, render(folder))
        except CannotRender as error:
            print(f"{name}: {error}", file=sys.stderr)
            bad += 1
    return 1 if bad else 0


def report(name: str, rendered: Rendered) -> int:
    """Print what is wrong with each object, and return how much that is."""
    found = [problem for each in rendered.objects for problem in problems(each)]
    for problem in found:
        print(f"{name}: {problem}", file=sys.stderr)
    print(f"{name}: {len(rendered.objects)} objects, {len(found)} problems")
    return len(found)


def problems(thing: dict) -> Iterator[str]:
    """Say what is wrong with an object: unknown or wrong fields, and what the restricted profile forbids its pods."""
    place = f"{thing['kind']} {thing['metadata']['name']}"
    yield from (f"{place}: {problem}" for problem in schemas.problems(thing))
    if thing["kind"] in WORKLOADS:
        for check, fields in podsecurity.violations(thing["spec"]["template"]).items():
            yield from (f"{place}: Pod Security, {check}: {field}" for field in fields)


if __name__ == "__main__":
    sys.exit(main())
