package netpol

import (
	"net/netip"
	"slices"
	"sync"

	"lectern/cluster/internal/announce"
)

// portList holds the announced ports of the pods' bridge. It stays empty without a bridge.
type portList struct {
	links links
	mutex sync.Mutex
	list  []Port
}

// load replaces the list with what the ports' aliases say, and so forgets ports that are gone.
func (p *portList) load() error {
	if p.links.bridge == "" {
		return nil
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	found, err := p.links.ports()
	if err == nil {
		p.list = found
	}
	return err
}

// announce adds a new port.
func (p *portList) announce(one announce.Announcement) error {
	if p.links.bridge == "" {
		return nil
	}
	port, err := p.links.record(one)
	if err != nil {
		return err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.list = append(without(p.list, []string{port.Interface}), port)
	return nil
}

// withdraw removes the interfaces of a pod that ends.
func (p *portList) withdraw(interfaces []string) {
	if p.links.bridge == "" {
		return
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.links.erase(interfaces)
	p.list = without(p.list, interfaces)
}

// all returns the current ports.
func (p *portList) all() []Port {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return slices.Clone(p.list)
}

// holders maps the addresses of the announced ports to their pods' UIDs.
func (p *portList) holders() map[netip.Addr]string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	holders := map[netip.Addr]string{}
	for _, port := range p.list {
		for _, address := range port.Addresses {
			holders[address] = port.UID
		}
	}
	return holders
}
