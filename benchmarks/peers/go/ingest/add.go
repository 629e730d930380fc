package main

import "github.com/prometheus/client_golang/prometheus"

// naive asks the library for a child by its labels each time.
type naive struct{ to *instruments }

func (n naive) add(row *completion) {
	key := row.key()
	labels := []string{account, source, key.model, key.skill, key.status, onTime}
	n.to.completions.WithLabelValues(labels...).Inc()
	if row.Usage.Input != nil {
		n.to.inputTokens.WithLabelValues(labels...).Add(float64(*row.Usage.Input))
	}
	if row.Usage.Output != nil {
		n.to.outputTokens.WithLabelValues(labels...).Add(float64(*row.Usage.Output))
		n.to.outputLength.WithLabelValues(labels...).Observe(float64(*row.Usage.Output))
	}
	if row.Usage.Credits != nil {
		n.to.credits.WithLabelValues(labels...).Add(*row.Usage.Credits)
		n.to.cost.WithLabelValues(labels...).Observe(*row.Usage.Credits)
	}
	if row.Latency != nil {
		n.to.duration.WithLabelValues(labels...).Observe(*row.Latency / 1000)
	}
	if row.TimeToFirstToken != nil {
		n.to.timeToFirstToken.WithLabelValues(labels...).Observe(*row.TimeToFirstToken / 1000)
	}
	if row.low() {
		n.to.lowToken.WithLabelValues(account, source, key.model, key.skill, onTime).Inc()
		if row.slow() {
			n.to.slowLowToken.WithLabelValues(account, source, key.model, key.skill, onTime).Inc()
		}
	}
}

// children are the instruments of one set of labels.
type children struct {
	completions, inputTokens, outputTokens, credits, lowToken, slowLowToken prometheus.Counter
	duration, timeToFirstToken, outputLength, cost                          prometheus.Observer
}

// remembering keeps the children at hand.
type remembering struct {
	to    *instruments
	known map[key]*children
}

func (r remembering) add(row *completion) {
	to := r.children(row.key())
	to.completions.Inc()
	if row.Usage.Input != nil {
		to.inputTokens.Add(float64(*row.Usage.Input))
	}
	if row.Usage.Output != nil {
		to.outputTokens.Add(float64(*row.Usage.Output))
		to.outputLength.Observe(float64(*row.Usage.Output))
	}
	if row.Usage.Credits != nil {
		to.credits.Add(*row.Usage.Credits)
		to.cost.Observe(*row.Usage.Credits)
	}
	if row.Latency != nil {
		to.duration.Observe(*row.Latency / 1000)
	}
	if row.TimeToFirstToken != nil {
		to.timeToFirstToken.Observe(*row.TimeToFirstToken / 1000)
	}
	if row.low() {
		to.lowToken.Inc()
		if row.slow() {
			to.slowLowToken.Inc()
		}
	}
}

func (r remembering) children(of key) *children {
	if found := r.known[of]; found != nil {
		return found
	}
	labels := []string{account, source, of.model, of.skill, of.status, onTime}
	low := []string{account, source, of.model, of.skill, onTime}
	made := &children{
		completions:      r.to.completions.WithLabelValues(labels...),
		inputTokens:      r.to.inputTokens.WithLabelValues(labels...),
		outputTokens:     r.to.outputTokens.WithLabelValues(labels...),
		credits:          r.to.credits.WithLabelValues(labels...),
		lowToken:         r.to.lowToken.WithLabelValues(low...),
		slowLowToken:     r.to.slowLowToken.WithLabelValues(low...),
		duration:         r.to.duration.WithLabelValues(labels...),
		timeToFirstToken: r.to.timeToFirstToken.WithLabelValues(labels...),
		outputLength:     r.to.outputLength.WithLabelValues(labels...),
		cost:             r.to.cost.WithLabelValues(labels...),
	}
	r.known[of] = made
	return made
}
