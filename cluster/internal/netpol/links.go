package netpol

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"

	"lectern/cluster/internal/announce"
)

// aliasMark is the prefix of the alias of an announced port.
const aliasMark = "lectern-pod"

// links are the interfaces of the pods' bridge. What was announced about a port is stored in the port's alias, which
// lives exactly as long as the port and which a pod can neither see nor change. So a new enforcer finds all of it.
type links struct{ bridge string }

// record writes an announcement to its port: the one of its interfaces that is on the bridge.
func (l links) record(one announce.Announcement) (Port, error) {
	mac, err := net.ParseMAC(one.MAC)
	if err != nil {
		return Port{}, fmt.Errorf("could not read the MAC address of %s/%s: %w", one.Namespace, one.Name, err)
	}
	bridge, err := netlink.LinkByName(l.bridge)
	if err != nil {
		return Port{}, fmt.Errorf("could not find the pods' bridge %s: %w", l.bridge, err)
	}
	for _, name := range one.Interfaces {
		link, err := netlink.LinkByName(name)
		if err != nil || link.Attrs().MasterIndex != bridge.Attrs().Index {
			continue
		}
		if err := pin(link, mac); err != nil {
			return Port{}, fmt.Errorf("could not pin the MAC address of %s/%s on %s: %w", one.Namespace, one.Name, name, err)
		}
		port := Port{Interface: name, UID: one.UID, MAC: mac.String(), Addresses: one.Addresses}
		if err := netlink.LinkSetAlias(link, aliasOf(port)); err != nil {
			return Port{}, fmt.Errorf("could not note on %s that it is of %s/%s: %w", name, one.Namespace, one.Name, err)
		}
		return port, nil
	}
	return Port{}, fmt.Errorf("none of the interfaces %v of %s/%s is on the bridge %s", one.Interfaces, one.Namespace, one.Name, l.bridge)
}

// pin tells the bridge the port's MAC address and stops it from learning others there. It would learn even from frames
// that pass no hook at all, such as those of LLDP.
func pin(link netlink.Link, mac net.HardwareAddr) error {
	entry := &netlink.Neigh{
		LinkIndex: link.Attrs().Index, Family: unix.AF_BRIDGE, State: netlink.NUD_NOARP, Flags: netlink.NTF_MASTER, HardwareAddr: mac,
	}
	return errors.Join(netlink.NeighSet(entry), netlink.LinkSetLearning(link, false))
}

// erase removes the announcements from ports that still exist.
func (l links) erase(names []string) {
	for _, name := range names {
		if link, err := netlink.LinkByName(name); err == nil && strings.HasPrefix(link.Attrs().Alias, aliasMark) {
			if err := netlink.LinkSetAlias(link, ""); err != nil {
				klog.ErrorS(err, "The port of a pod that ends may stay open until it is removed", "interface", name)
			}
		}
	}
}

// ports returns the announced ports that exist.
func (l links) ports() ([]Port, error) {
	bridge, err := netlink.LinkByName(l.bridge)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		return nil, nil // the bridge is created with the first pod
	}
	if err != nil {
		return nil, fmt.Errorf("could not find the pods' bridge %s: %w", l.bridge, err)
	}
	all, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("could not list the interfaces: %w", err)
	}
	var ports []Port
	for _, link := range all {
		if link.Attrs().MasterIndex != bridge.Attrs().Index {
			continue
		}
		if port, announced := portOf(link.Attrs().Name, link.Attrs().Alias); announced {
			ports = append(ports, port)
		}
	}
	return ports, nil
}

func aliasOf(port Port) string {
	words := []string{aliasMark, port.UID, port.MAC}
	for _, address := range port.Addresses {
		words = append(words, address.String())
	}
	return strings.Join(words, " ")
}

// portOf parses an alias. One that this package did not write announces nothing.
func portOf(name, alias string) (Port, bool) {
	words := strings.Split(alias, " ")
	if len(words) < 4 || words[0] != aliasMark {
		return Port{}, false
	}
	mac, err := net.ParseMAC(words[2])
	if err != nil {
		return Port{}, false
	}
	port := Port{Interface: name, UID: words[1], MAC: mac.String()}
	for _, word := range words[3:] {
		address, err := netip.ParseAddr(word)
		if err != nil {
			return Port{}, false
		}
		port.Addresses = append(port.Addresses, address)
	}
	return port, true
}

// without returns the ports that are not among the named interfaces.
func without(ports []Port, names []string) []Port {
	return slices.DeleteFunc(slices.Clone(ports), func(port Port) bool { return slices.Contains(names, port.Interface) })
}
