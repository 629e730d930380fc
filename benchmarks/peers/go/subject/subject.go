// Package subject is what the commands share: how a subject of the benchmarks speaks, and what it is.
package subject

import (
	"encoding/json"
	"log"
	"os"
	"runtime/debug"
)

// Say sends a line to the driver.
func Say(message any) {
	Must(json.NewEncoder(os.Stdout).Encode(message))
}

// Version returns those of client_golang and of Go.
func Version() string {
	built, _ := debug.ReadBuildInfo()
	for _, module := range built.Deps {
		if module.Path == "github.com/prometheus/client_golang" {
			return module.Version + " with " + built.GoVersion
		}
	}
	return built.GoVersion
}

// Must ends the process if there is an error.
func Must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
