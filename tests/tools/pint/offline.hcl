# cloudflare/pint over rules/, without a Prometheus: make lint-extra. Every exception has its reason.

checks {
  disabled = [
    # Windows of hours and days are recorded every two minutes, in a group of their own: a rate over 3 days at the pace of
    # alerts costs more than it tells. Alerts read what was recorded last, at most two minutes ago.
    "rule/dependency",
  ]
}
