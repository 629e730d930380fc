// Stands in for the module of Grafana that describes v2 dashboards: see ../go.mod.
module github.com/grafana/grafana/apps/dashboard

go 1.26.0
