"""Black-box tests: the exporter as a process of its own, its configuration as files, everything else over real HTTP."""
