// Pod-security judges pods by the restricted profile, as the admission of Kubernetes does. It reads a JSON list of pod templates
// and writes a JSON list of what is forbidden in each: an empty text where nothing is.
package main

import (
	"encoding/json"
	"log"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

func main() {
	var templates []corev1.PodTemplateSpec
	if err := json.NewDecoder(os.Stdin).Decode(&templates); err != nil {
		log.Fatal(err)
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks())
	if err != nil {
		log.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	verdicts := make([]string, len(templates))
	for i, template := range templates {
		results := evaluator.EvaluatePod(restricted, &template.ObjectMeta, &template.Spec)
		if verdict := policy.AggregateCheckResults(results); !verdict.Allowed {
			verdicts[i] = verdict.ForbiddenDetail()
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(verdicts); err != nil {
		log.Fatal(err)
	}
}
