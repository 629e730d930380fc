"""Values put through the converter of a field, and what it says of those that it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.api.values import BadValueError, converter
from exporter.models import Field, RejectReason, Status

STATUSES = {"completed": Status.SUCCESS, " Failed": Status.ERROR, "RUNNING": Status.PENDING}


def convert(field: Field, value: Any, path: str = "value") -> Any:
    return converter(field, path, STATUSES, 16)(value)


def refuse(field: Field, value: Any, path: str = "value") -> tuple[RejectReason, str]:
    with pytest.raises(BadValueError) as caught:
        convert(field, value, path)
    return caught.value.reason, str(caught.value)
