package netpol

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	"sigs.k8s.io/knftables"

	"lectern/cluster/internal/announce"
)

// announced returns what the plugin would announce for a pod of the cast.
func (b *bridged) announced(pod Pod) announce.Announcement {
	return announce.Announcement{
		Namespace: pod.Namespace, Name: pod.Name, UID: "uid-" + pod.Name, Addresses: pod.Addresses,
		MAC: b.mac(pod.Name).String(), Interfaces: []string{"br0", pod.Name},
	}
}

// mac returns the MAC address of a pod's own interface, or of the bridge if the name is empty.
func (b *bridged) mac(pod string) net.HardwareAddr {
	b.t.Helper()
	name := "br0"
	if pod != "" {
		b.enter(b.name + "-" + pod)
		defer b.enter(b.name)
		name = "eth0"
	}
	link, err := netlink.LinkByName(name)
	if err != nil {
		b.t.Fatal(err)
	}
	return link.Attrs().HardwareAddr
}

// guard announces the pods and writes the rules of the bridge.
func (b *bridged) guard(pods ...Pod) *Writer {
	b.t.Helper()
	for _, pod := range pods {
		if _, err := (links{"br0"}).record(b.announced(pod)); err != nil {
			b.t.Fatal(err)
		}
	}
	nft, err := knftables.New(knftables.BridgeFamily, "lectern_netpol_test")
	if err != nil {
		b.t.Fatal(err)
	}
	writer := NewWriter(nft)
	b.reguard(writer)
	return writer
}

// reguard writes the rules from the ports' aliases, as a new enforcer does.
func (b *bridged) reguard(writer *Writer) {
	b.t.Helper()
	found, err := links{"br0"}.ports()
	if err != nil {
		b.t.Fatal(err)
	}
	write(b.t, writer, bridgeRules(found, writer.written))
}

// frame is a frame that a pod with CAP_NET_RAW can send.
type frame struct {
	to, from net.HardwareAddr
	kind     uint16
	load     []byte
}

func (f frame) bytes() []byte {
	return append(binary.BigEndian.AppendUint16(append(bytes.Clone(f.to), f.from...), f.kind), f.load...)
}

func arp(operation uint16, mac net.HardwareAddr, address string, target net.HardwareAddr, asked string) []byte {
	load := []byte{0, 1, 8, 0, 6, 4, 0, byte(operation)}
	load = append(append(load, mac...), netip.MustParseAddr(address).AsSlice()...)
	return append(append(load, target...), netip.MustParseAddr(asked).AsSlice()...)
}

// udp returns a datagram to port 9 whose text names its source and destination.
func udp(from, to string) []byte {
	text := []byte("lectern")
	load := []byte{0x45, 0, 0, byte(28 + len(text)), 0, 0, 0, 0, 64, 17, 0, 0}
	load = append(append(load, netip.MustParseAddr(from).AsSlice()...), netip.MustParseAddr(to).AsSlice()...)
	var sum uint32
	for index := 0; index < 20; index += 2 {
		sum += uint32(binary.BigEndian.Uint16(load[index:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(load[10:], ^uint16(sum))
	load = append(load, 0x30, 0x39, 0, 9, 0, byte(8+len(text)), 0, 0) // no checksum
	return append(load, text...)
}

// raw opens a packet socket on an interface of the thread's namespace.
func (b *bridged) raw(name string) int {
	b.t.Helper()
	link, err := net.InterfaceByName(name)
	if err != nil {
		b.t.Fatal(err)
	}
	all := uint16(unix.ETH_P_ALL)<<8 | uint16(unix.ETH_P_ALL)>>8
	socket, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, int(all))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { unix.Close(socket) })
	if err := unix.Bind(socket, &unix.SockaddrLinklayer{Protocol: all, Ifindex: link.Index}); err != nil {
		b.t.Fatal(err)
	}
	return socket
}

// delivered sends the frame from one pod and returns whether another one receives it, or the node's bridge if the name is
// empty.
func (b *bridged) delivered(from, to string, sent frame) bool {
	b.t.Helper()
	receiver := -1
	if to == "" {
		receiver = b.raw("br0")
	} else {
		b.enter(b.name + "-" + to)
		receiver = b.raw("eth0")
	}
	b.enter(b.name + "-" + from)
	defer b.enter(b.name)
	if _, err := unix.Write(b.raw("eth0"), sent.bytes()); err != nil {
		b.t.Fatal(err)
	}
	buffer := make([]byte, 2048)
	for deadline := time.Now().Add(150 * time.Millisecond); time.Now().Before(deadline); {
		left := unix.NsecToTimeval(time.Until(deadline).Nanoseconds())
		if err := unix.SetsockoptTimeval(receiver, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &left); err != nil {
			return false
		}
		count, err := unix.Read(receiver, buffer)
		// The kernel removes a VLAN tag before a packet socket sees the frame.
		if err == nil && count >= 14 && bytes.HasSuffix(buffer[:count], sent.load[max(0, len(sent.load)-20):]) && bytes.Equal(buffer[6:12], sent.from) {
			return true
		}
	}
	return false
}

func TestAPodSendsUnderItsOwnAddressesAlone(t *testing.T) {
	network := newBridged(t)
	if err := filterBridges(bridgeSettings); err != nil {
		t.Fatal(err)
	}
	eve, bob, gateway := network.mac("prober"), network.mac("db"), network.mac("")
	forged, _ := net.ParseMAC("02:00:00:00:66:66")
	everybody, _ := net.ParseMAC("ff:ff:ff:ff:ff:ff")
	group, _ := net.ParseMAC("01:00:5e:00:00:01")
	nobody := make(net.HardwareAddr, 6)
	forbidden := map[string]frame{
		"an ARP answer for the gateway":                {bob, eve, unix.ETH_P_ARP, arp(2, eve, "10.0.0.254", bob, "10.0.0.2")},
		"an ARP answer for another pod":                {bob, eve, unix.ETH_P_ARP, arp(2, eve, "10.0.0.1", bob, "10.0.0.2")},
		"an ARP request in another pod's name":         {everybody, eve, unix.ETH_P_ARP, arp(1, eve, "10.0.0.1", nobody, "10.0.0.2")},
		"an ARP answer that names another MAC":         {bob, eve, unix.ETH_P_ARP, arp(2, forged, "10.0.0.3", bob, "10.0.0.2")},
		"an ARP answer from another MAC":               {bob, forged, unix.ETH_P_ARP, arp(2, eve, "10.0.0.3", bob, "10.0.0.2")},
		"an ARP announcement of its own to all":        {everybody, eve, unix.ETH_P_ARP, arp(1, eve, "10.0.0.3", nobody, "10.0.0.3")},
		"another ARP operation":                        {bob, eve, unix.ETH_P_ARP, arp(8, eve, "10.0.0.3", bob, "10.0.0.2")},
		"a datagram from another pod's address":        {bob, eve, unix.ETH_P_IP, udp("10.0.0.1", "10.0.0.2")},
		"a datagram from an address outside":           {bob, eve, unix.ETH_P_IP, udp("192.0.2.1", "10.0.0.2")},
		"a datagram from another MAC":                  {bob, forged, unix.ETH_P_IP, udp("10.0.0.3", "10.0.0.2")},
		"a datagram to all addresses":                  {bob, eve, unix.ETH_P_IP, udp("10.0.0.3", "10.0.0.255")},
		"a datagram to a group":                        {bob, eve, unix.ETH_P_IP, udp("10.0.0.3", "224.0.0.1")},
		"a datagram in a frame to all":                 {everybody, eve, unix.ETH_P_IP, udp("10.0.0.3", "10.0.0.2")},
		"a datagram in a frame to a group":             {group, eve, unix.ETH_P_IP, udp("10.0.0.3", "10.0.0.2")},
		"another kind of frame":                        {bob, eve, 0x88b5, []byte("a protocol of their own, between two pods")},
		"a frame of a VLAN":                            {bob, eve, unix.ETH_P_8021Q, append([]byte{0, 7, 8, 0}, udp("10.0.0.3", "10.0.0.2")...)},
		"an IPv6 packet":                               {bob, eve, unix.ETH_P_IPV6, append([]byte{0x60, 0, 0, 0, 0, 4, 59, 64}, make([]byte, 36)...)},
		"an IPv4 packet with the frame's kind of IPv6": {bob, eve, unix.ETH_P_IPV6, udp("10.0.0.3", "10.0.0.2")},
	}
	allowed := map[string]frame{
		"its own ARP request": {everybody, eve, unix.ETH_P_ARP, arp(1, eve, "10.0.0.3", nobody, "10.0.0.2")},
		"its own ARP answer":  {bob, eve, unix.ETH_P_ARP, arp(2, eve, "10.0.0.3", bob, "10.0.0.2")},
		"its own datagram":    {bob, eve, unix.ETH_P_IP, udp("10.0.0.3", "10.0.0.2")},
	}
	for what, one := range forbidden {
		// The kernel itself does not forward across a filtered bridge what is no packet at all.
		if !strings.Contains(what, "the frame's kind") && !network.delivered("prober", "db", one) {
			t.Errorf("without the rules %s does not arrive: the test shows nothing", what)
		}
	}
	bridge := network.guard(web, db, prober)
	for what, one := range forbidden {
		if network.delivered("prober", "db", one) {
			t.Errorf("another pod gets %s", what)
		}
	}
	for what, one := range allowed {
		if !network.delivered("prober", "db", one) {
			t.Errorf("another pod does not get %s", what)
		}
	}
	toNode := frame{gateway, eve, unix.ETH_P_ARP, arp(2, eve, "10.0.0.2", gateway, "10.0.0.254")}
	if network.delivered("prober", "", toNode) {
		t.Error("the node gets an ARP answer for another pod")
	}

	// The bridge learns no address but the pod's own, whichever way a frame takes.
	for number, to := range []string{"01:80:c2:00:00:0e", "01:80:c2:00:00:00", "ff:ff:ff:ff:ff:ff", bob.String()} {
		target, _ := net.ParseMAC(to)
		from := net.HardwareAddr{2, 0, 0, 0, 0x77, byte(number)}
		network.delivered("prober", "db", frame{target, from, 0x88cc, []byte("who am I, and where?")})
		if network.learned(from) {
			t.Errorf("the bridge learned a forged MAC from a frame to %s", to)
		}
	}

	network.listen("db", 9090)
	network.expect("prober", "10.0.0.2:9090", true)
	network.sh("ip -n %[1]s-prober link set eth0 down; ip -n %[1]s-prober link set eth0 address %[2]s up", network.name, forged)
	network.expect("prober", "10.0.0.2:9090", false)
	network.sh("ip -n %[1]s-prober link set eth0 down; ip -n %[1]s-prober link set eth0 address %[2]s up; ip -n %[1]s-prober addr add 10.0.0.9/24 dev eth0", network.name, eve)
	network.expect("prober", "10.0.0.2:9090", true)
	network.sh("ip -n %[1]s-prober addr del 10.0.0.3/24 dev eth0", network.name)
	network.expect("prober", "10.0.0.2:9090", false) // from 10.0.0.9, which it gave itself
	network.sh("ip -n %[1]s-prober addr flush dev eth0; ip -n %[1]s-prober addr add 10.0.0.3/24 dev eth0", network.name)
	network.expect("prober", "10.0.0.2:9090", true)
	write(t, bridge, bridgeRules(nil, bridge.written)) // no port is known, as on other bridges
	network.expect("prober", "10.0.0.2:9090", true)
}

// learned returns whether the bridge has a forwarding entry for the MAC.
func (b *bridged) learned(mac net.HardwareAddr) bool {
	b.t.Helper()
	entries, err := netlink.NeighList(0, unix.AF_BRIDGE)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, entry := range entries {
		if bytes.Equal(entry.HardwareAddr, mac) {
			return true
		}
	}
	return false
}

func TestAPortThatNobodyAnnouncedReachesNothing(t *testing.T) {
	network := newBridged(t)
	if err := filterBridges(bridgeSettings); err != nil {
		t.Fatal(err)
	}
	nft, err := knftables.New(knftables.InetFamily, "lectern_netpol_test")
	if err != nil {
		t.Fatal(err)
	}
	network.listen("db", 9090)
	network.listen("", 6443)
	state := world()
	state.Bridge = "br0"
	kept, err := network.dial("prober", "10.0.0.2:9090")
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	writer := NewWriter(nft)
	write(t, writer, compiled(t, state))
	bridge := network.guard(web, db) // prober is a known pod, but its port is not
	network.expect("web", "10.0.0.2:9090", true)
	network.expect("prober", "10.0.0.2:9090", false)
	network.expect("prober", "10.0.0.254:6443", false)
	if err := echo(kept); err == nil {
		t.Error("a connection of before is kept")
	}
	question := frame{net.HardwareAddr{255, 255, 255, 255, 255, 255}, network.mac("prober"), unix.ETH_P_ARP, arp(1, network.mac("prober"), "10.0.0.3", make(net.HardwareAddr, 6), "10.0.0.2")}
	if network.delivered("prober", "db", question) {
		t.Error("a pod gets a question from it")
	}
	network.sh("ip netns exec %[1]s-prober nft 'add table ip m; add chain ip m o { type filter hook output priority 0; }; add rule ip m o meta mark set %[2]s'", network.name, passedMark)
	network.expect("prober", "10.0.0.254:6443", false) // it set the mark itself

	// Once announced it may send, and a new enforcer learns that from the port's alias.
	if _, err := (links{"br0"}).record(network.announced(prober)); err != nil {
		t.Fatal(err)
	}
	bridge.Forget()
	network.reguard(bridge)
	network.expect("prober", "10.0.0.2:9090", true)
	network.expect("prober", "10.0.0.254:6443", true)

	list := portList{links: links{"br0"}}
	if err := list.load(); err != nil || len(list.all()) != 3 {
		t.Fatalf("the ports are %v (%v)", list.all(), err)
	}
	list.withdraw([]string{"prober"})
	write(t, bridge, bridgeRules(list.all(), bridge.written))
	network.expect("prober", "10.0.0.254:6443", false)
	if err := list.load(); err != nil || len(list.all()) != 2 {
		t.Errorf("after the pod's end the ports are %v (%v)", list.all(), err)
	}
	stranger := network.announced(prober)
	stranger.Interfaces = []string{"br0", "lo"}
	if err := list.announce(stranger); err == nil {
		t.Error("an interface that is not on the bridge was taken for a pod's")
	}
}

func TestAPodCannotFillTheTableOfConnections(t *testing.T) {
	network := newBridged(t)
	if err := filterBridges(bridgeSettings); err != nil {
		t.Fatal(err)
	}
	nft, err := knftables.New(knftables.InetFamily, "lectern_netpol_test")
	if err != nil {
		t.Fatal(err)
	}
	network.listen("db", 9090)
	network.listen("", 6443)
	network.guard(web, db, prober)
	state := world()
	state.Bridge, state.Limits.Flows = "br0", 10
	write(t, NewWriter(nft), compiled(t, state))
	var held []net.Conn
	for number := range 14 {
		address := []string{"10.0.0.2:9090", "10.0.0.254:6443"}[number%2]
		connection, err := network.dial("prober", address)
		if (err == nil) != (number < 10) {
			t.Errorf("connection %d to %s: %v", number+1, address, err)
		}
		if err == nil {
			held = append(held, connection)
		}
	}
	network.expect("web", "10.0.0.2:9090", true) // each pod has its own
	for _, connection := range held {
		if err := echo(connection); err != nil {
			t.Errorf("a connection within the limit was cut: %v", err)
		}
		if err := connection.(*net.TCPConn).SetLinger(0); err != nil { // leaves the table at once
			t.Error(err)
		}
		connection.Close()
	}
	for deadline := time.Now().Add(30 * time.Second); ; {
		connection, err := network.dial("prober", "10.0.0.2:9090")
		if err == nil {
			connection.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(fmt.Errorf("connections that ended still count: %w", err))
		}
	}
}
