"""Ask Kubernetes' own evaluator of the Pod Security Standards about the same pods as the tests do.

``python -m tests.kubernetes.admission PROGRAM``, with the program of tests/tools/go/pod-security: ``make lint-extra``.
Exits 1 with a line for each pod that it judges otherwise.
"""

from __future__ import annotations

import json
import subprocess
import sys

from tests.kubernetes.manifests import EXAMPLES, Manifest, example
from tests.kubernetes.podvariants import ALLOWED, FORBIDDEN, changed


def main(program: str) -> int:
    """Compare its verdicts with what is expected, and return the exit code."""
    single = example("single").template()
    allowed = [(name, example(name).template()) for name in EXAMPLES]
    allowed += [(f"{path} = {value}", changed(single, path, value)) for path, value in ALLOWED]
    forbidden = [(f"{check}: {path} = {value}", changed(single, path, value)) for check, path, value in FORBIDDEN]
    bad = 0
    for name, verdict in verdicts(program, allowed).items():
        if verdict:
            print(f"pod-security: {name}: forbidden: {verdict}", file=sys.stderr)
            bad += 1
    for name, verdict in verdicts(program, forbidden).items():
        if not verdict:
            print(f"pod-security: {name}: allowed", file=sys.stderr)
            bad += 1
    print(f"pod-security: {len(allowed)} pods allowed and {len(forbidden)} forbidden as expected, but for {bad}")
    return 1 if bad else 0


def verdicts(program: str, pods: list[tuple[str, Manifest]]) -> dict[str, str]:
    """Return what the program forbids in each pod, by its name; empty for nothing."""
    templates = json.dumps([template for _, template in pods])
    done = subprocess.run([program], input=templates, stdout=subprocess.PIPE, check=True, text=True)
    return dict(zip((name for name, _ in pods), json.loads(done.stdout), strict=True))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
