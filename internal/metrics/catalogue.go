package metrics

import "github.com/prometheus/client_golang/prometheus"

// prefix begins every name.
const prefix = "mochipyd_"

// Type is a metric's, in the words of the exposition format.
type Type string

// The types.
const (
	Counter   Type = "counter"
	Gauge     Type = "gauge"
	Histogram Type = "histogram"
)

// Metric is one name of the exposition: the documents, the alerts and the
// dashboard are held to this list by tests.
type Metric struct {
	Name   string // with its prefix
	Type   Type
	Labels []string
	Help   string

	desc *prometheus.Desc
}

// Catalogue lists every metric there is.
func Catalogue() []Metric {
	out := make([]Metric, len(catalogue))
	for i, m := range catalogue {
		out[i] = *m
	}
	return out
}

var catalogue []*Metric

func define(name string, t Type, help string, labels ...string) *Metric {
	m := &Metric{Name: prefix + name, Type: t, Labels: labels, Help: help}
	m.desc = prometheus.NewDesc(m.Name, help, labels, nil)
	catalogue = append(catalogue, m)
	return m
}

// The metrics, in the order a person asks.
var (
	buildInfo = define("build_info", Gauge, "Always 1; which build this is.", "version", "revision", "goversion", "platform")
	reloadOK  = define("config_last_reload_successful", Gauge, "Whether the last reload of the configuration went well: 1 yes, or there was none yet; 0 no, and what was before goes on.")

	poolWorkers   = define("pool_workers", Gauge, "Slots of a pool by the state of the worker in them; spare is a ready worker that is held back, dead an empty slot.", "pool", "state")
	poolDesired   = define("pool_workers_desired", Gauge, "Workers that should serve now, spares apart.", "pool")
	queueLength   = define("pool_queue_length", Gauge, "Calls that wait for a worker.", "pool")
	queueAge      = define("pool_queue_oldest_age_seconds", Gauge, "How long the oldest waiting call has waited; 0 when none waits.", "pool")
	callsInFlight = define("calls_in_flight", Gauge, "Calls that workers have in hand.", "pool")
	calls         = define("calls_total", Counter, "Calls of a pool's functions that were answered, by what they were answered: ok or a kind of error; other is a code that the function chose.", "pool", "outcome")
	callDuration  = define("call_duration_seconds", Histogram, "From a call's arrival to its answer, whatever that was; a stream's to its end.", "pool")
	callQueue     = define("call_queue_seconds", Histogram, "What a call that a worker answered waited until the worker had it in hand, be it in the queue or behind another call.", "pool")

	workerStarts   = define("worker_starts_total", Counter, "Worker processes started, by the reason of the end that the start follows; first is a slot's first.", "pool", "reason")
	workerExits    = define("worker_exits_total", Counter, "Workers that ended, or did not start (start.*), by reason.", "pool", "reason")
	workerStart    = define("worker_start_duration_seconds", Histogram, "From a worker's spawn until it was ready, the import included.", "pool")
	workerMemory   = define("worker_resident_memory_bytes", Gauge, "Resident memory of the worker in a slot.", "pool", "slot")
	workerCPU      = define("worker_cpu_seconds_total", Counter, "CPU time of the worker in a slot; begins anew with each worker.", "pool", "slot")
	workerLines    = define("worker_log_lines_total", Counter, "What workers printed or logged, in records: a traceback is one.", "pool", "level")
	workerUnlogged = define("worker_log_lines_dropped_total", Counter, "Lines of workers that were dropped because there were more than log-rate a second.", "pool")

	rpcConnections = define("rpc_connections", Gauge, "Hosts that are connected.")
	rpcRequests    = define("rpc_requests_total", Counter, "Requests and notifications of hosts and operators that were answered, by method: one of the daemon's own, call for all functions together, unknown, or refused for what no method was read of; and by the error's code, 0 for a result.", "method", "code")
)
