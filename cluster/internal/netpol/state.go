package netpol

import (
	"maps"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// State is the API server's state, reduced to what matters to policies.
type State struct {
	// NodeName is the node whose pods are isolated. Pods of other nodes are only peers.
	NodeName string
	// Bridge is the pods' bridge if only known pods may send through it, else empty.
	Bridge     string
	Limits     Limits
	Pods       []Pod
	Namespaces map[string]labels.Set
	Policies   []*networkingv1.NetworkPolicy
}

// Pod is a pod with addresses of its own.
type Pod struct {
	Namespace string
	Name      string
	NodeName  string
	Labels    labels.Set
	Addresses []netip.Addr
	Ports     []NamedPort
}

func (p Pod) equal(other Pod) bool {
	return p.Namespace == other.Namespace && p.Name == other.Name && p.NodeName == other.NodeName &&
		maps.Equal(p.Labels, other.Labels) && slices.Equal(p.Addresses, other.Addresses) && slices.Equal(p.Ports, other.Ports)
}

// NamedPort is a container's port that policies may refer to by name.
type NamedPort struct {
	Name     string
	Protocol corev1.Protocol
	Port     int32
}

// podFrom reduces an API pod. It returns false for a pod to which policies do not apply: on the node's network, without
// an address yet, or ended, because its address may already be another pod's.
func podFrom(pod *corev1.Pod) (Pod, bool) {
	if pod.Spec.HostNetwork || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return Pod{}, false
	}
	reduced := Pod{
		Namespace: pod.Namespace,
		Name:      pod.Name,
		NodeName:  pod.Spec.NodeName,
		Labels:    pod.Labels,
	}
	for _, one := range pod.Status.PodIPs {
		if address, err := netip.ParseAddr(one.IP); err == nil {
			reduced.Addresses = append(reduced.Addresses, address.Unmap())
		}
	}
	for _, container := range pod.Spec.InitContainers {
		if container.RestartPolicy != nil && *container.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			reduced.Ports = appendNamed(reduced.Ports, container.Ports)
		}
	}
	for _, container := range pod.Spec.Containers {
		reduced.Ports = appendNamed(reduced.Ports, container.Ports)
	}
	return reduced, len(reduced.Addresses) > 0
}

func appendNamed(named []NamedPort, ports []corev1.ContainerPort) []NamedPort {
	for _, port := range ports {
		if port.Name == "" {
			continue
		}
		protocol := port.Protocol
		if protocol == "" {
			protocol = corev1.ProtocolTCP
		}
		named = append(named, NamedPort{Name: port.Name, Protocol: protocol, Port: port.ContainerPort})
	}
	return named
}
