"""Pods that are a step away from those of deploy/kubernetes: what the restricted profile says of each is known."""

from __future__ import annotations

import copy
from typing import Any, Final

from tests.kubernetes.manifests import EXPORTER, Manifest

POD: Final = "spec.securityContext"
CONTAINER: Final = "spec.containers.0.securityContext"
LEFT_OUT: Final = object()
"""In place of a value: the field is removed."""

FORBIDDEN: Final[list[tuple[str, str, Any]]] = [
    ("HostProcess", f"{POD}.windowsOptions", {"hostProcess": True}),
    ("HostProcess", f"{CONTAINER}.windowsOptions", {"hostProcess": True}),
    ("Host Namespaces", "spec.hostNetwork", True),
    ("Host Namespaces", "spec.hostPID", True),
    ("Host Namespaces", "spec.hostIPC", True),
    ("Privileged Containers", f"{CONTAINER}.privileged", True),
    ("Capabilities", f"{CONTAINER}.capabilities.add", ["SYS_ADMIN"]),
    ("Capabilities (restricted)", f"{CONTAINER}.capabilities.add", ["CHOWN"]),
    ("Capabilities (restricted)", f"{CONTAINER}.capabilities.drop", ["CHOWN"]),
    ("Capabilities (restricted)", f"{CONTAINER}.capabilities", LEFT_OUT),
    ("Capabilities (restricted)", CONTAINER, LEFT_OUT),
    ("HostPath Volumes", "spec.volumes.0", {"name": "config", "hostPath": {"path": "/etc"}}),
    ("Volume Types", "spec.volumes.0", {"name": "config", "hostPath": {"path": "/etc"}}),
    ("Volume Types", "spec.volumes.0", {"name": "config", "nfs": {"server": "nfs", "path": "/"}}),
    ("Host Ports", "spec.containers.0.ports.0.hostPort", 9877),
    ("Host Probes / Lifecycle Hooks", "spec.containers.0.livenessProbe.httpGet.host", "10.0.0.1"),
    ("Host Probes / Lifecycle Hooks", "spec.containers.0.readinessProbe", {"tcpSocket": {"port": 1, "host": "h"}}),
    ("Host Probes / Lifecycle Hooks", "spec.containers.0.startupProbe.httpGet.host", "10.0.0.1"),
    (
        "Host Probes / Lifecycle Hooks",
        "spec.containers.0.lifecycle",
        {"preStop": {"httpGet": {"port": 1, "host": "h"}}},
    ),
    ("AppArmor", f"{POD}.appArmorProfile", {"type": "Unconfined"}),
    ("AppArmor", f"{CONTAINER}.appArmorProfile", {"type": "Unconfined"}),
    ("AppArmor", "metadata.annotations", {f"container.apparmor.security.beta.kubernetes.io/{EXPORTER}": "unconfined"}),
    ("SELinux", f"{POD}.seLinuxOptions", {"type": "spc_t"}),
    ("SELinux", f"{CONTAINER}.seLinuxOptions", {"user": "system_u"}),
    ("SELinux", f"{CONTAINER}.seLinuxOptions", {"role": "system_r"}),
    ("/proc Mount Type", f"{CONTAINER}.procMount", "Unmasked"),
    ("Seccomp", f"{POD}.seccompProfile.type", "Unconfined"),
    ("Seccomp", f"{CONTAINER}.seccompProfile", {"type": "Unconfined"}),
    ("Seccomp (restricted)", f"{POD}.seccompProfile", LEFT_OUT),
    ("Seccomp (restricted)", f"{CONTAINER}.seccompProfile", {"type": "Unconfined"}),
    ("Sysctls", f"{POD}.sysctls", [{"name": "kernel.msgmax", "value": "1"}]),
    ("Privilege Escalation", f"{CONTAINER}.allowPrivilegeEscalation", True),
    ("Privilege Escalation", f"{CONTAINER}.allowPrivilegeEscalation", LEFT_OUT),
    ("Running as Non-root", f"{POD}.runAsNonRoot", False),
    ("Running as Non-root", f"{POD}.runAsNonRoot", LEFT_OUT),
    ("Running as Non-root", f"{CONTAINER}.runAsNonRoot", False),
    ("Running as Non-root user", f"{POD}.runAsUser", 0),
    ("Running as Non-root user", f"{CONTAINER}.runAsUser", 0),
]
"""The control that objects to a value of a field of the base's pod."""

ALLOWED: Final[list[tuple[str, Any]]] = [
    (f"{CONTAINER}.capabilities.add", ["NET_BIND_SERVICE"]),
    (f"{CONTAINER}.privileged", False),
    (f"{CONTAINER}.procMount", "Default"),
    (f"{CONTAINER}.runAsUser", 1),
    (f"{CONTAINER}.seccompProfile", {"type": "Localhost", "localhostProfile": "x.json"}),
    (f"{POD}.appArmorProfile", {"type": "RuntimeDefault"}),
    (f"{POD}.seLinuxOptions", {"type": "container_t", "level": "s0:c1"}),
    (f"{POD}.sysctls", [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]),
    (f"{POD}.runAsUser", LEFT_OUT),
    ("spec.containers.0.ports.0.hostPort", 0),
    ("spec.hostNetwork", False),
    ("spec.volumes.0", {"name": "config", "emptyDir": {}}),
    ("metadata.annotations", {f"container.apparmor.security.beta.kubernetes.io/{EXPORTER}": "runtime/default"}),
]
"""Values of fields that are as good as what is there."""


def changed(template: Manifest, path: str, value: object) -> Manifest:
    """Return the template with another value at a path, or without it."""
    copied = copy.deepcopy(template)
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place: Any = copied
    for step in steps:
        place = place[step]
    if value is LEFT_OUT:
        del place[last]
    else:
        place[last] = value
    return copied
