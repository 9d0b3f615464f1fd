// Package metrics counts what metaflows does, for Prometheus: GET /metrics. What happens often is counted in atomic numbers
// that are made beforehand, everything else is asked for when somebody looks. No label holds the id of a call, a channel, an
// account or a person, and each has few values: a module that this version does not have is "other".
package metrics
