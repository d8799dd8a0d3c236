package config

import "time"

// The words of event-loop.
const (
	LoopPersistent = "persistent"
	LoopPerCall    = "per-call"
)

// Pool is a [pools.NAME] table over [pool-defaults] over the defaults.
type Pool struct {
	Name     string `key:"-"`
	Declared bool   `key:"-"` // it has a table of its own

	Module  string   `key:"module" apply:"rolling" as:"module" only:"pool" doc:"the module this pool serves; the pool's name when empty"`
	Modules []string `key:"modules" apply:"rolling" as:"module" only:"pool" doc:"several modules served by one process"`
	Alias   string   `key:"alias" apply:"live" as:"module" only:"pool" doc:"another name for the pool"`
	Methods []string `key:"methods" apply:"rolling" as:"module" only:"pool" doc:"the functions that may be called; empty = the module's public surface"`

	Python     string            `key:"python" apply:"rolling" default:"python3" as:"program" doc:"the interpreter: a name on PATH or a path"`
	Venv       string            `key:"venv" apply:"rolling" as:"path" doc:"a virtual environment; its interpreter is used instead of python"`
	PythonPath []string          `key:"python-path" apply:"rolling" as:"path" doc:"directories searched for modules before the others"`
	Env        map[string]string `key:"env" apply:"rolling" doc:"environment variables of the workers"`
	Cwd        string            `key:"cwd" apply:"rolling" as:"path" doc:"working directory of the workers, where they find modules too; empty = the daemon's"`

	Workers     int      `key:"workers" apply:"live" default:"2" min:"1" max:"1024" doc:"processes kept alive"`
	MaxWorkers  int      `key:"max-workers" apply:"live" default:"0" min:"0" max:"1024" doc:"above workers = elastic; 0 = workers"`
	Spare       int      `key:"spare" apply:"live" default:"0" min:"0" max:"64" doc:"ready workers held back beside those, to take the place of one that dies"`
	Concurrency int      `key:"concurrency" apply:"rolling" default:"64" min:"1" max:"100000" doc:"coroutines in flight per worker; synchronous functions run one at a time"`
	Depth       int      `key:"depth" apply:"rolling" default:"32" min:"1" max:"1024" doc:"quick synchronous calls that may be in a worker's pipe at once"`
	Preload     bool     `key:"preload" apply:"replaced" default:"false" doc:"import once, in a process that then forks the workers; refused when the import starts threads"`
	EventLoop   string   `key:"event-loop" apply:"rolling" default:"persistent" enum:"persistent,per-call" doc:"one event loop per worker, or a fresh one per call"`
	BusyPoll    BusyPoll `key:"busy-poll" apply:"rolling" default:"auto" min:"0s" max:"10ms" doc:"adaptive polling before a worker sleeps: auto, a maximum, or 0s = off"`

	StartTimeout    time.Duration `key:"start-timeout" apply:"live" default:"30s" min:"100ms" max:"24h" doc:"spawn, import and ready"`
	CallTimeout     time.Duration `key:"call-timeout" apply:"live" default:"60s" min:"1ms" max:"8760h" doc:"hard limit of one call, queue included; frees the seat"`
	CancelGrace     time.Duration `key:"cancel-grace" apply:"live" default:"2s" min:"1ms" max:"1h" doc:"from asking a call to end to killing its worker"`
	QueueTimeout    time.Duration `key:"queue-timeout" apply:"live" default:"30s" min:"1ms" max:"24h" doc:"longest wait for a free worker"`
	GracefulTimeout time.Duration `key:"graceful-timeout" apply:"live" default:"30s" min:"1ms" max:"24h" doc:"drain at stop and reload"`
	StopTimeout     time.Duration `key:"stop-timeout" apply:"live" default:"5s" min:"1ms" max:"1h" doc:"SIGTERM to SIGKILL of the whole group"`
	MaxQueue        int           `key:"max-queue" apply:"live" default:"1024" min:"1" max:"10000000" doc:"waiting calls; those that run are not counted"`
	MaxHandles      int           `key:"max-handles" apply:"rolling" default:"10000" min:"1" max:"10000000" doc:"objects that one connection may have one worker hold; all connections together ten times as many"`

	MaxRequests       int           `key:"max-requests" apply:"live" default:"0" min:"0" max:"2000000000" doc:"calls before a worker is recycled; 0 = never"`
	MaxRequestsJitter int           `key:"max-requests-jitter" apply:"live" default:"0" min:"0" max:"2000000000" doc:"spread of max-requests, so that workers do not recycle together"`
	MaxAge            time.Duration `key:"max-age" apply:"live" default:"0s" min:"0s" max:"87600h" doc:"age at which a worker is recycled; 0s = never"`
	IdleTimeout       time.Duration `key:"idle-timeout" apply:"live" default:"5m" min:"0s" max:"8760h" doc:"idle time after which elastic workers and pools imported on demand end; 0s = never"`
	MaxMemory         Size          `key:"max-memory" apply:"live" default:"0" min:"0" max:"64TiB" doc:"memory of a worker's process tree at which it is recycled between calls; 0 = no limit"`
	MaxMemoryHard     Size          `key:"max-memory-hard" apply:"live" default:"0" min:"0" max:"64TiB" doc:"memory at which a worker is killed; 0 = no limit"`

	BackoffMin    time.Duration `key:"backoff-min" apply:"live" default:"100ms" min:"1ms" max:"1h" doc:"first wait after an early death"`
	BackoffMax    time.Duration `key:"backoff-max" apply:"live" default:"30s" min:"1ms" max:"24h" doc:"longest wait after early deaths"`
	RestartLimit  int           `key:"restart-limit" apply:"live" default:"5" min:"1" max:"1000000" doc:"early deaths within restart-window that break the pool"`
	RestartWindow time.Duration `key:"restart-window" apply:"live" default:"60s" min:"1s" max:"24h" doc:"the window of restart-limit"`
	MaxRequeues   int           `key:"max-requeues" apply:"live" default:"3" min:"0" max:"1000" doc:"how often a call that never started moves to another worker"`
	MaxRetries    int           `key:"max-retries" apply:"live" default:"2" min:"0" max:"1000" doc:"how often an idempotent call runs again after its worker died"`

	StreamIdleTimeout time.Duration `key:"stream-idle-timeout" apply:"live" default:"60s" min:"1ms" max:"24h" doc:"how long a stream may wait for credit"`

	// Origins says where each key's value came from, by the key's name.
	Origins Origins `key:"-"`
}
