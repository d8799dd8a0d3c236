package daemon

import (
	systemd "github.com/coreos/go-systemd/v22/daemon"
	"github.com/hashicorp/go-hclog"
)

// notifier tells the service manager how far we are; without one it is silent.
type notifier struct{ log hclog.Logger }

func newNotifier(log hclog.Logger) notifier { return notifier{log} }

// ready says that hosts may come; status names the pools that are broken.
func (n notifier) ready(status string) {
	if status == "" {
		status = "serving"
	}
	n.send(systemd.SdNotifyReady + "\nSTATUS=" + status)
}

func (n notifier) stopping() { n.send(systemd.SdNotifyStopping + "\nSTATUS=draining") }

func (n notifier) send(state string) {
	if _, err := systemd.SdNotify(false, state); err != nil {
		n.log.Warn("the service manager could not be told", "event", "notify_failed", "reason", err.Error())
	}
}
