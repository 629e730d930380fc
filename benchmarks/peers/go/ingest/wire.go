package main

import "time"

// What the wire calls things. A completion's times are parsed as pydantic parses them; unknown keys are skipped.

const (
	account, source = "default", "completions"
	onTime          = "false"   // A script that reads a list once does not know what is late.
	noSkill         = "none"    // Rows without a skill are labelled so.
	success         = "success" // Only a success can be low-token.

	lowTokens        = 128
	slowMilliseconds = 10_000
)

type page struct {
	Data []completion `json:"data"`
}

type completion struct {
	ID               string     `json:"id"`
	Created          int64      `json:"created"`
	CompletedAt      *time.Time `json:"completed_at"`
	Model            string     `json:"model"`
	Skill            *string    `json:"skill"`
	Status           string     `json:"status"`
	Usage            usage      `json:"usage"`
	Latency          *float64   `json:"latency_ms"`
	TimeToFirstToken *float64   `json:"time_to_first_token_ms"`
}

type usage struct {
	Input   *int64   `json:"prompt_tokens"`
	Output  *int64   `json:"completion_tokens"`
	Total   *int64   `json:"total_tokens"`
	Credits *float64 `json:"credits_used"`
}

// A key is what of a row's labels varies.
type key struct{ model, skill, status string }

func (row *completion) key() key {
	skill := noSkill
	if row.Skill != nil {
		skill = *row.Skill
	}
	return key{row.Model, skill, row.Status}
}

func (row *completion) low() bool {
	return row.Usage.Output != nil && *row.Usage.Output <= lowTokens && row.Status == success
}

func (row *completion) slow() bool {
	return row.Latency != nil && *row.Latency > slowMilliseconds
}
