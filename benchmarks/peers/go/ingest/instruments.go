package main

import (
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"vlmrun-exporter/benchmarks/peers/subject"
)

// A family of the exporter's catalogue, as the command line describes it.
type family struct {
	Key     string    `json:"key"`
	Name    string    `json:"name"`
	Help    string    `json:"help"`
	Labels  []string  `json:"labels"`
	Buckets []float64 `json:"buckets"`
}

// The instruments of a round, in a registry of their own.
type instruments struct {
	registry   *prometheus.Registry
	names      map[string]string
	counters   map[string]*prometheus.CounterVec
	histograms map[string]*prometheus.HistogramVec

	completions, inputTokens, outputTokens, credits, lowToken, slowLowToken *prometheus.CounterVec
	duration, timeToFirstToken, outputLength, cost                          *prometheus.HistogramVec
}

func newInstruments(families []family) *instruments {
	made := &instruments{
		registry:   prometheus.NewRegistry(),
		names:      map[string]string{},
		counters:   map[string]*prometheus.CounterVec{},
		histograms: map[string]*prometheus.HistogramVec{},
	}
	for _, family := range families {
		made.register(family)
	}
	made.completions = made.counters["completions"]
	made.inputTokens = made.counters["input_tokens"]
	made.outputTokens = made.counters["output_tokens"]
	made.credits = made.counters["credits"]
	made.lowToken = made.counters["low_token"]
	made.slowLowToken = made.counters["slow_low_token"]
	made.duration = made.histograms["duration"]
	made.timeToFirstToken = made.histograms["time_to_first_token"]
	made.outputLength = made.histograms["output_length"]
	made.cost = made.histograms["cost"]
	return made
}

func (to *instruments) register(family family) {
	to.names[family.Key] = family.Name
	if len(family.Buckets) == 0 {
		counter := prometheus.NewCounterVec(
			prometheus.CounterOpts{Name: family.Name, Help: family.Help}, family.Labels)
		to.counters[family.Key] = counter
		to.registry.MustRegister(counter)
		return
	}
	histogram := prometheus.NewHistogramVec(
		prometheus.HistogramOpts{Name: family.Name, Help: family.Help, Buckets: family.Buckets}, family.Labels)
	to.histograms[family.Key] = histogram
	to.registry.MustRegister(histogram)
}

// Sums over all labels.
type sums struct {
	Completions  float64 `json:"completions"`
	InputTokens  float64 `json:"input_tokens"`
	OutputTokens float64 `json:"output_tokens"`
}

// sums reads back what was counted.
func (to *instruments) sums() sums {
	gathered, err := to.registry.Gather()
	subject.Must(err)
	totals := map[string]float64{}
	for _, family := range gathered {
		if family.GetType() == dto.MetricType_COUNTER {
			for _, metric := range family.Metric {
				totals[family.GetName()] += metric.GetCounter().GetValue()
			}
		}
	}
	return sums{totals[to.names["completions"]], totals[to.names["input_tokens"]], totals[to.names["output_tokens"]]}
}
