// Package announce is how a pod's network plugin tells the enforcer of network policies which addresses the pod was just
// given, and waits until its rules are in force.
//
// The plugin is a program of its own, and this package imports nothing of Kubernetes: the plugin is started several times
// for each pod, and a program with all of Kubernetes in it needs a tenth of a second before it does anything.
package announce

import (
	"net/netip"
	"time"
)

// Path is the enforcer's HTTP path on its socket.
const Path = "/pods"

// Timeout limits how long a pod's start waits for its rules. Afterwards the kubelet tries again.
const Timeout = 5 * time.Second

// Announcement says which addresses a pod was just given. The API server learns them about a second after the pod's
// programs have started; with an announcement the rules are in force before.
type Announcement struct {
	Namespace string       `json:"namespace"`
	Name      string       `json:"name"`
	UID       string       `json:"uid"`
	Addresses []netip.Addr `json:"addresses"`
	// MAC is the address of the pod's own interface.
	MAC string `json:"mac"`
	// Interfaces are the interfaces on the node's side; one of them is the pod's port of the bridge.
	Interfaces []string `json:"interfaces"`
}
