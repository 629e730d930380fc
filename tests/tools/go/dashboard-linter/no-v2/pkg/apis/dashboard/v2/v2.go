// Package v2 refuses v2 dashboards. It has as much of Grafana's types as the linter's adapter needs to compile.
package v2

import "errors"

// DashboardSpec is a v2 dashboard, which this build does not read.
type DashboardSpec struct {
	Title       string
	Editable    *bool
	Elements    map[string]DashboardElement
	Variables   []DashboardVariableKind
	Annotations []DashboardAnnotationQueryKind
}

// UnmarshalJSON refuses the document, rather than have rules pass on a dashboard of which they saw nothing.
func (*DashboardSpec) UnmarshalJSON([]byte) error {
	return errors.New("this build of the linter reads classic dashboards only")
}

type kind[Spec any] struct{ Spec Spec }

type DashboardElement struct{ PanelKind *kind[DashboardPanelSpec] }

type DashboardPanelSpec struct {
	Id          float64
	Title       string
	Description string
	Data        kind[struct{ Queries []DashboardPanelQueryKind }]
	VizConfig   struct {
		Group string
		Spec  struct{ FieldConfig, Options any }
	}
}

type DashboardPanelQueryKind = kind[struct {
	RefId  string
	Hidden bool
	Query  DashboardDataQueryKind
}]

type DashboardDataQueryKind struct {
	Group      string
	Datasource *struct{ Name *string }
	Spec       map[string]any
}

type DashboardAnnotationQueryKind = kind[struct {
	Name  string
	Query DashboardDataQueryKind
}]

type DashboardVariableRefresh string

const (
	DashboardVariableRefreshOnDashboardLoad    DashboardVariableRefresh = "onDashboardLoad"
	DashboardVariableRefreshOnTimeRangeChanged DashboardVariableRefresh = "onTimeRangeChanged"
)

type variable[Query any] struct {
	Name     string
	Label    *string
	Multi    bool
	AllValue *string
	Refresh  DashboardVariableRefresh
	PluginId string
	Query    Query
}

type DashboardVariableKind struct {
	QueryVariableKind      *kind[variable[DashboardDataQueryKind]]
	DatasourceVariableKind *kind[variable[string]]
	CustomVariableKind     *kind[variable[string]]
	IntervalVariableKind   *kind[variable[string]]
	ConstantVariableKind   *kind[variable[string]]
	TextVariableKind       *kind[variable[string]]
	AdhocVariableKind      *kind[variable[string]]
	GroupByVariableKind    *kind[variable[string]]
	SwitchVariableKind     *kind[variable[string]]
}
