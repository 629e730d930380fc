// Command serve is an exporter of client_golang's, with the series that an exposition in Prometheus's text format has.
//
// Its argument is the file. It says its port and serves /metrics until standard input ends. Counters and gauges have
// the values of the file; histograms are filled by observing each bucket's bound as often as the bucket was hit, so
// that only their sums differ.
package main

import (
	"io"
	"log"
	"maps"
	"math"
	"net"
	"net/http"
	"os"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"vlmrun-exporter/benchmarks/peers/subject"
)

type ready struct {
	Ready   bool   `json:"ready"`
	Version string `json:"version"`
	Port    int    `json:"port"`
	PID     int    `json:"pid"`
}

func main() {
	file, err := os.Open(os.Args[1])
	subject.Must(err)
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(file)
	subject.Must(err)
	subject.Must(file.Close())

	registry := prometheus.NewRegistry()
	for _, family := range families {
		register(registry, family)
	}
	http.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	subject.Must(err)
	go func() { log.Fatal(http.Serve(listener, nil)) }()
	subject.Say(ready{true, subject.Version(), listener.Addr().(*net.TCPAddr).Port, os.Getpid()})
	_, err = io.Copy(io.Discard, os.Stdin)
	subject.Must(err)
}

func register(registry *prometheus.Registry, family *dto.MetricFamily) {
	names := labelNames(family)
	switch family.GetType() {
	case dto.MetricType_COUNTER:
		counter := prometheus.NewCounterVec(
			prometheus.CounterOpts{Name: family.GetName(), Help: family.GetHelp()}, names)
		registry.MustRegister(counter)
		for _, metric := range family.Metric {
			counter.With(labels(metric)).Add(metric.GetCounter().GetValue())
		}
	case dto.MetricType_GAUGE:
		gauge := prometheus.NewGaugeVec(
			prometheus.GaugeOpts{Name: family.GetName(), Help: family.GetHelp()}, names)
		registry.MustRegister(gauge)
		for _, metric := range family.Metric {
			gauge.With(labels(metric)).Set(metric.GetGauge().GetValue())
		}
	case dto.MetricType_HISTOGRAM:
		histogram := prometheus.NewHistogramVec(
			prometheus.HistogramOpts{Name: family.GetName(), Help: family.GetHelp(), Buckets: bounds(family)}, names)
		registry.MustRegister(histogram)
		for _, metric := range family.Metric {
			fill(histogram.With(labels(metric)), metric.GetHistogram())
		}
	default:
		log.Fatalf("%s is a %s: not for this exporter", family.GetName(), family.GetType())
	}
}

// fill observes as many values as the histogram has, each at its bucket's bound.
func fill(to prometheus.Observer, histogram *dto.Histogram) {
	below := uint64(0)
	for _, bucket := range histogram.Bucket {
		value := bucket.GetUpperBound()
		if math.IsInf(value, 1) {
			value = math.MaxUint32
		}
		for range bucket.GetCumulativeCount() - below {
			to.Observe(value)
		}
		below = bucket.GetCumulativeCount()
	}
}

// bounds returns the finite ones: client_golang adds the last one itself.
func bounds(family *dto.MetricFamily) []float64 {
	var found []float64
	for _, bucket := range family.Metric[0].GetHistogram().Bucket {
		if bound := bucket.GetUpperBound(); !math.IsInf(bound, 1) {
			found = append(found, bound)
		}
	}
	return found
}

func labels(metric *dto.Metric) prometheus.Labels {
	found := prometheus.Labels{}
	for _, pair := range metric.Label {
		found[pair.GetName()] = pair.GetValue()
	}
	return found
}

func labelNames(family *dto.MetricFamily) []string {
	return slices.Collect(maps.Keys(labels(family.Metric[0])))
}
