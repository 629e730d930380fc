"""The restricted profile of the Pod Security Standards, with the baseline that it includes.

https://kubernetes.io/docs/concepts/security/pod-security-standards/ of Kubernetes 1.34: a function for each control, in
that order and by that name, which yields the fields that it forbids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from tests.kubernetes.manifests import Manifest

Check: TypeAlias = Callable[[Manifest], Iterator[str]]

_BASELINE_CAPABILITIES: Final = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
_SELINUX_TYPES: Final = (None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
_SYSCTLS: Final = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
    }
)
_VOLUMES: Final = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
)
_APPARMOR_ANNOTATION: Final = "container.apparmor.security.beta.kubernetes.io/"


def violations(template: Manifest) -> dict[str, list[str]]:
    """Return what the profile forbids in a pod's template, by the name of the check; empty if it is all right."""
    found = {name: list(check(template)) for name, check in CHECKS.items()}
    return {name: fields for name, fields in found.items() if fields}


def _containers(template: Manifest) -> Iterator[tuple[str, Manifest]]:
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for container in template["spec"].get(kind, ()):
            yield f"{kind}[{container['name']}]", container


def _contexts(template: Manifest) -> Iterator[tuple[str, dict[str, Any]]]:
    """The security context of the pod, and of each container."""
    yield "pod", template["spec"].get("securityContext") or {}
    for name, container in _containers(template):
        yield name, container.get("securityContext") or {}


def _of_containers(template: Manifest) -> Iterator[tuple[str, dict[str, Any]]]:
    contexts = _contexts(template)
    next(contexts)
    return contexts


def _host_process(template: Manifest) -> Iterator[str]:
    for name, context in _contexts(template):
        if (context.get("windowsOptions") or {}).get("hostProcess"):
            yield f"{name}: windowsOptions.hostProcess"


def _host_namespaces(template: Manifest) -> Iterator[str]:
    yield from (field for field in ("hostNetwork", "hostPID", "hostIPC") if template["spec"].get(field))


def _privileged(template: Manifest) -> Iterator[str]:
    yield from (f"{name}: privileged" for name, context in _of_containers(template) if context.get("privileged"))


def _added(template: Manifest, allowed: frozenset[str]) -> Iterator[str]:
    for name, context in _of_containers(template):
        for capability in (context.get("capabilities") or {}).get("add") or ():
            if capability not in allowed:
                yield f"{name}: capabilities.add: {capability}"


def _capabilities(template: Manifest) -> Iterator[str]:
    yield from _added(template, _BASELINE_CAPABILITIES)


def _host_paths(template: Manifest) -> Iterator[str]:
    yield from (f"volumes[{each['name']}]" for each in template["spec"].get("volumes", ()) if "hostPath" in each)


def _host_ports(template: Manifest) -> Iterator[str]:
    for name, container in _containers(template):
        yield from (f"{name}: hostPort" for port in container.get("ports", ()) if port.get("hostPort"))


def _host_probes(template: Manifest) -> Iterator[str]:
    for name, container in _containers(template):
        hooks = container.get("lifecycle") or {}
        handlers = {key: container.get(key) for key in ("livenessProbe", "readinessProbe", "startupProbe")} | hooks
        for key, handler in handlers.items():
            for way in ("httpGet", "tcpSocket"):
                if ((handler or {}).get(way) or {}).get("host"):
                    yield f"{name}: {key}.{way}.host"


def _apparmor(template: Manifest) -> Iterator[str]:
    for name, context in _contexts(template):
        if (context.get("appArmorProfile") or {}).get("type") not in (None, "RuntimeDefault", "Localhost"):
            yield f"{name}: appArmorProfile.type"
    for key, value in ((template.get("metadata") or {}).get("annotations") or {}).items():
        allowed = value in ("", "runtime/default") or value.startswith("localhost/")
        if key.startswith(_APPARMOR_ANNOTATION) and not allowed:
            yield f"annotations: {key}"


def _selinux(template: Manifest) -> Iterator[str]:
    for name, context in _contexts(template):
        options = context.get("seLinuxOptions") or {}
        if options.get("type") not in _SELINUX_TYPES:
            yield f"{name}: seLinuxOptions.type"
        yield from (f"{name}: seLinuxOptions.{field}" for field in ("user", "role") if options.get(field))


def _proc_mount(template: Manifest) -> Iterator[str]:
    for name, context in _of_containers(template):
        if context.get("procMount") not in (None, "Default"):
            yield f"{name}: procMount"


def _profile(context: dict[str, Any]) -> str | None:
    profile: str | None = (context.get("seccompProfile") or {}).get("type")
    return profile


def _unconfined(template: Manifest) -> Iterator[str]:
    for name, context in _contexts(template):
        if _profile(context) not in (None, "RuntimeDefault", "Localhost"):
            yield f"{name}: seccompProfile.type"


def _sysctls(template: Manifest) -> Iterator[str]:
    for sysctl in (template["spec"].get("securityContext") or {}).get("sysctls", ()):
        if sysctl["name"] not in _SYSCTLS:
            yield f"pod: sysctls: {sysctl['name']}"


def _volume_types(template: Manifest) -> Iterator[str]:
    for volume in template["spec"].get("volumes", ()):
        yield from (f"volumes[{volume['name']}]: {kind}" for kind in volume.keys() - {"name"} - _VOLUMES)


def _privilege_escalation(template: Manifest) -> Iterator[str]:
    for name, context in _of_containers(template):
        if context.get("allowPrivilegeEscalation") is not False:
            yield f"{name}: allowPrivilegeEscalation"


def _non_root(template: Manifest) -> Iterator[str]:
    (_, pod), *containers = _contexts(template)
    if pod.get("runAsNonRoot") is False:
        yield "pod: runAsNonRoot"
    for name, context in containers:
        if not context.get("runAsNonRoot", pod.get("runAsNonRoot")):
            yield f"{name}: runAsNonRoot"


def _non_root_user(template: Manifest) -> Iterator[str]:
    yield from (f"{name}: runAsUser" for name, context in _contexts(template) if context.get("runAsUser") == 0)


def _seccomp(template: Manifest) -> Iterator[str]:
    (_, pod), *containers = _contexts(template)
    for name, context in containers:
        if (_profile(context) or _profile(pod)) not in ("RuntimeDefault", "Localhost"):
            yield f"{name}: seccompProfile.type"


def _dropped_capabilities(template: Manifest) -> Iterator[str]:
    for name, context in _of_containers(template):
        if "ALL" not in ((context.get("capabilities") or {}).get("drop") or ()):
            yield f"{name}: capabilities.drop"
    yield from _added(template, frozenset({"NET_BIND_SERVICE"}))


CHECKS: Final[dict[str, Check]] = {
    "HostProcess": _host_process,
    "Host Namespaces": _host_namespaces,
    "Privileged Containers": _privileged,
    "Capabilities": _capabilities,
    "HostPath Volumes": _host_paths,
    "Host Ports": _host_ports,
    "Host Probes / Lifecycle Hooks": _host_probes,
    "AppArmor": _apparmor,
    "SELinux": _selinux,
    "/proc Mount Type": _proc_mount,
    "Seccomp": _unconfined,
    "Sysctls": _sysctls,
    "Volume Types": _volume_types,
    "Privilege Escalation": _privilege_escalation,
    "Running as Non-root": _non_root,
    "Running as Non-root user": _non_root_user,
    "Seccomp (restricted)": _seccomp,
    "Capabilities (restricted)": _dropped_capabilities,
}
