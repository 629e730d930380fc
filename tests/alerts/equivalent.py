"""Mutants of the rules that no test can tell from the original, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_ONE_SERIES: Final = "what failed in a list, or of a skill in it, is one series: its sum and its maximum are the same"
_NOTHING: Final = "it is multiplied by 0: only its labels are wanted"
_MATCHED: Final = "series are matched by this label with others that have it: naming it once is enough"
_ZEROS: Final = "the sum of zeros and ones is 0 if each of them is"

EQUIVALENT: Final[Mapping[tuple[str, str], str]] = {
    **{
        (f"account_source:vlmrun_completion_errors_per_completions:ratio_rate{window}", "sum to max"): _ONE_SERIES
        for window in ("5m", "10m", "30m", "1h", "6h", "1d", "3d")
    },
    ("account_source_skill:vlmrun_completion_errors_per_completions:ratio_rate30m", "sum to max"): _ONE_SERIES,
    ("account:vlmrun_error_budget:ratio", "max to sum #2"): _NOTHING,
    ("account_model_skill:vlmrun_slow_low_token_threshold:ratio", "max to sum #2"): _NOTHING,
    ("account_source:vlmrun_exporter_last_success:timestamp_seconds", "0 to 1"): "it is 0, or a time of this century",
    ("job_instance_account:vlmrun_exporter_up:avg10m", "* to /"): "by 1",
    ("job_instance_account:vlmrun_exporter_up:avg10m", "max to sum"): _NOTHING,
    ("job_instance_account:vlmrun_exporter_up:avg10m", 'without {job="vlmrun-exporter"}'): _MATCHED,
    ("VLMRunSkillErrorsConcentrated warning", 'without {status="error"} #2'): _MATCHED,
    ("VLMRunSkillErrorsConcentrated warning", 'without {status="error"} #3'): _MATCHED,
    ("VLMRunExporterDown critical", "max to sum"): _ZEROS,
    ("VLMRunExporterDown critical", 'without {job="vlmrun-exporter"}'): _MATCHED,
    ("VLMRunExporterDown critical", 'without {job="vlmrun-exporter"} #2'): _MATCHED,
    ("VLMRunAuthFailed critical", "max to sum"): _ZEROS,
    ("VLMRunCoverageGap warning lost", 'without {state="lost"}'): _MATCHED,
    ("VLMRunCoverageGap warning lost", 'without {state="lost"} #2'): _MATCHED,
    ("VLMRunCreditBudgetExhausted critical", "max to sum #3"): "budgets are not negative: both are above 0, or neither",
}
"""By the title of the rule and the change."""
