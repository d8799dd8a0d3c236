package config

import (
	"os"
	"time"
)

// The words of import-policy.
const (
	PolicyDeclared  = "declared"
	PolicyAllowList = "allow-list"
	PolicyAny       = "any"
)

// Daemon is the [daemon] table.
type Daemon struct {
	Socket        string      `key:"socket" apply:"restart" as:"path" doc:"the hosts' Unix socket; empty = the first usable of the default places"`
	ControlSocket string      `key:"control-socket" apply:"restart" as:"path" doc:"the operators' Unix socket; empty = ctl.sock beside the hosts' socket"`
	SocketMode    os.FileMode `key:"socket-mode" apply:"restart" default:"0660" doc:"permissions of the hosts' socket"`
	SocketGroup   string      `key:"socket-group" apply:"restart" doc:"group that owns the hosts' socket; empty = the daemon's own"`
	ControlMode   os.FileMode `key:"control-mode" apply:"restart" default:"0600" doc:"permissions of the control socket (0660 when control-group is set and this is not)"`
	ControlGroup  string      `key:"control-group" apply:"restart" doc:"group that owns the control socket; empty = the daemon's own"`
	AllowUIDs     []int       `key:"allow-uids" apply:"live" min:"0" max:"4294967294" doc:"uids that may connect, the daemon's own always among them; empty = whoever the socket's permissions admit"`

	ImportPolicy string   `key:"import-policy" apply:"live" default:"declared" enum:"declared,allow-list,any" doc:"which modules hosts may import: the declared pools, those and allow-modules, or any"`
	AllowModules []string `key:"allow-modules" apply:"live" as:"pattern" doc:"exact dotted names, or name.* for a package and all below it"`

	Metrics   string `key:"metrics" apply:"restart" as:"endpoint" doc:"where /metrics, /healthz and /readyz are served: unix:PATH (with socket-mode and socket-group), 127.0.0.1:PORT, or empty = nowhere"`
	LogFormat string `key:"log-format" apply:"restart" default:"auto" enum:"auto,text,json,journal" doc:"auto = text on a terminal, journal under journald, json elsewhere"`
	LogLevel  string `key:"log-level" apply:"live" default:"info" enum:"trace,debug,info,warn,error,off" doc:"the least urgent level that is written"`
	LogRate   int    `key:"log-rate" apply:"live" default:"1000" min:"0" max:"1000000" doc:"lines a second one worker may log before lines are dropped and counted; 0 = no limit"`

	MaxMessage           Size          `key:"max-message" apply:"restart" default:"16MiB" min:"1KiB" max:"1GiB" doc:"longest line in either direction"`
	MaxBatch             int           `key:"max-batch" apply:"live" default:"1024" min:"1" max:"1000000" doc:"entries of one batch"`
	MaxConnections       int           `key:"max-connections" apply:"live" default:"1024" min:"1" max:"1000000" doc:"hosts connected at once"`
	MaxConnectionsPerUID int           `key:"max-connections-per-uid" apply:"live" default:"0" min:"0" max:"1000000" doc:"hosts of one uid connected at once; 0 = max-connections"`
	MaxInFlightPerUID    int           `key:"max-in-flight-per-uid" apply:"live" default:"0" min:"0" max:"10000000" doc:"unanswered requests of all connections of one uid; 0 = max-in-flight of each"`
	MaxInFlight          int           `key:"max-in-flight" apply:"live" default:"4096" min:"1" max:"10000000" doc:"unanswered requests of one connection"`
	MaxInbound           Size          `key:"max-inbound" apply:"live" default:"64MiB" min:"64KiB" max:"16GiB" doc:"bytes that one connection's unanswered requests may hold; never less than twice max-message"`
	MaxInboundTotal      Size          `key:"max-inbound-total" apply:"live" default:"512MiB" min:"64KiB" max:"256GiB" doc:"bytes that the unanswered requests of all connections may hold; never less than max-inbound"`
	MaxOutbound          Size          `key:"max-outbound" apply:"live" default:"64MiB" min:"64KiB" max:"16GiB" doc:"unread answers kept for one connection before it is cut; of connections made from then on"`
	WriteTimeout         time.Duration `key:"write-timeout" apply:"live" default:"30s" min:"100ms" max:"1h" doc:"how long a host may leave its answers unread before it is cut; of connections made from then on"`
	MaxCallbacks         int           `key:"max-callbacks" apply:"live" default:"256" min:"1" max:"1000000" doc:"callbacks that one connection may have to answer at once"`
	MaxBadLines          int           `key:"max-bad-lines" apply:"live" default:"100" min:"1" max:"1000000" doc:"lines in a row that are over-long or not even begin like a message, after which a connection is closed"`
	MaxPools             int           `key:"max-pools" apply:"live" default:"64" min:"1" max:"100000" doc:"pools at once, declared and imported together"`
	MaxHandles           int           `key:"max-handles" apply:"live" default:"100000" min:"0" max:"1000000000" doc:"objects that all pools together may hold for hosts, as their workers tell, ten times a second at most; 0 = no limit"`
	MaxAliases           int           `key:"max-aliases" apply:"live" default:"256" min:"0" max:"100000" doc:"aliases and narrowed imports of one connection"`
	ForgetAfter          time.Duration `key:"forget-after" apply:"live" default:"60s" min:"1s" max:"24h" doc:"how long an import that failed is remembered, idle, before it is tried from scratch"`

	// Origins says where each key's value came from, by the key's name.
	Origins Origins `key:"-"`
}
