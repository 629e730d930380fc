# cloudflare/pint over rules/, against a Prometheus that scrapes an exporter and evaluates the rules: make lint-extra.
# Every exception has its reason.

prometheus "live" {
  uri     = "${ENV_PROMETHEUS_URL}"
  timeout = "30s"
}

checks {
  disabled = [
    # As in offline.hcl.
    "rule/dependency",
    # This Prometheus has minutes of data, so how often an alert would have fired says nothing: `alerts drill` does.
    "alerts/count",
  ]
}
