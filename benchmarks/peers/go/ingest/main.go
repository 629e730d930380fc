// Command ingest counts page bodies with client_golang: an increment or an observation for each value of a row.
//
// Its arguments are the folder of page bodies and the families as JSON; -cached looks the children of a row up once, in
// a map of its own. It speaks the lines of ../../subject.py.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"vlmrun-exporter/benchmarks/peers/subject"
)

// A peer counts rows into instruments.
type peer interface{ add(row *completion) }

type round struct {
	Pages *int `json:"pages"`
}

type ready struct {
	Ready   bool   `json:"ready"`
	Version string `json:"version"`
}

type answer struct {
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpu"`
	Units   int     `json:"units"`
	Check   sums    `json:"check"`
}

func main() {
	cached := flag.Bool("cached", false, "look the children of a row up once")
	flag.Parse()
	var families []family
	subject.Must(json.Unmarshal([]byte(flag.Arg(1)), &families))
	bodies := read(flag.Arg(0))

	subject.Say(ready{true, subject.Version()})
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var asked round
		subject.Must(json.Unmarshal(lines.Bytes(), &asked))
		pages := bodies
		if asked.Pages != nil {
			pages = bodies[:min(*asked.Pages, len(bodies))]
		}
		to := newInstruments(families)
		var counting peer = naive{to}
		if *cached {
			counting = remembering{to, map[key]*children{}}
		}
		runtime.GC() // The garbage of the round before is not this round's.
		used, started := cpu(), time.Now()
		for _, body := range pages {
			var page page
			subject.Must(json.Unmarshal(body, &page))
			for i := range page.Data {
				counting.add(&page.Data[i])
			}
		}
		seconds, busy := time.Since(started).Seconds(), cpu()-used
		counted := to.sums()
		subject.Say(answer{seconds, busy, int(counted.Completions), counted})
	}
	subject.Must(lines.Err())
}

func read(folder string) [][]byte {
	paths, err := filepath.Glob(filepath.Join(folder, "page-*.json")) // sorted
	subject.Must(err)
	bodies := make([][]byte, len(paths))
	for i, path := range paths {
		bodies[i], err = os.ReadFile(path)
		subject.Must(err)
	}
	return bodies
}

// cpu returns the seconds of CPU time that the process has used, its garbage collector's threads included.
func cpu() float64 {
	var used syscall.Rusage
	subject.Must(syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
}
