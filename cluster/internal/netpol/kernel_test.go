package netpol

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/knftables"
)

// bridged is a network namespace with a bridge and the three pods of the cast on it, as on a node. The test's thread is
// inside it, so that nft works there.
type bridged struct {
	t    *testing.T
	name string
}

func newBridged(t *testing.T) *bridged {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test makes network namespaces: run it as root")
	}
	net := &bridged{t: t, name: fmt.Sprintf("netpol-%d", os.Getpid())}
	t.Cleanup(net.remove)
	net.sh("ip netns add %[1]s; ip -n %[1]s link set lo up; ip -n %[1]s link add br0 type bridge; ip -n %[1]s addr add 10.0.0.254/24 dev br0; ip -n %[1]s link set br0 up", net.name)
	for _, pod := range []Pod{web, db, prober} {
		net.sh("ip netns add %[1]s-%[2]s; ip -n %[1]s link add %[2]s type veth peer name eth0 netns %[1]s-%[2]s; ip -n %[1]s link set %[2]s up master br0; "+
			"ip -n %[1]s-%[2]s link set eth0 addrgenmode none; ip -n %[1]s-%[2]s addr add fe80::%[4]d/64 dev eth0 nodad; "+
			"ip -n %[1]s-%[2]s addr add %[3]s/24 dev eth0; ip -n %[1]s-%[2]s link set eth0 up; ip -n %[1]s-%[2]s link set lo up", net.name, pod.Name, pod.Addresses[0], pod.Addresses[0].As4()[3])
	}
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	net.enter(net.name)
	return net
}

func (b *bridged) sh(format string, values ...any) {
	b.t.Helper()
	script := fmt.Sprintf(format, values...)
	if out, err := exec.Command("sh", "-ec", script).CombinedOutput(); err != nil {
		b.t.Fatalf("%s: %v: %s", script, err, out)
	}
}

func (b *bridged) remove() {
	for _, suffix := range []string{"", "-web", "-db", "-prober"} {
		if out, err := exec.Command("ip", "netns", "del", b.name+suffix).CombinedOutput(); err != nil {
			b.t.Errorf("could not delete %s%s: %v: %s", b.name, suffix, err, out)
		}
	}
}

// enter moves the thread into a network namespace.
func (b *bridged) enter(name string) {
	b.t.Helper()
	file, err := os.Open(filepath.Join("/run/netns", name))
	if err != nil {
		b.t.Fatal(err)
	}
	defer file.Close()
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		b.t.Fatal(err)
	}
}

// listen serves TCP on a port in the namespace of a pod, or of the node when the name is empty.
func (b *bridged) listen(pod string, port int) {
	b.t.Helper()
	if pod != "" {
		b.enter(b.name + "-" + pod)
		defer b.enter(b.name)
	}
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { // echoes, until the other end closes
				defer connection.Close()
				buffer := make([]byte, 16)
				for {
					count, err := connection.Read(buffer)
					if err != nil {
						return
					}
					if _, err := connection.Write(buffer[:count]); err != nil {
						return
					}
				}
			}()
		}
	}()
}

// dial connects from the namespace of a pod, or from the node when the name is empty.
func (b *bridged) dial(pod, address string) (net.Conn, error) {
	b.t.Helper()
	if pod != "" {
		b.enter(b.name + "-" + pod)
		defer b.enter(b.name)
	}
	return (&net.Dialer{Timeout: 300 * time.Millisecond, FallbackDelay: -1}).Dial("tcp", address)
}

func (b *bridged) expect(pod, address string, reached bool) {
	b.t.Helper()
	connection, err := b.dial(pod, address)
	if err == nil {
		connection.Close()
	}
	if (err == nil) != reached {
		b.t.Errorf("%q to %s: reached is %v, want %v (%v)", pod, address, err == nil, reached, err)
	}
}

func TestPoliciesHoldInTheKernel(t *testing.T) {
	network := newBridged(t)
	if err := filterBridges(bridgeSettings); err != nil {
		t.Fatal(err)
	}
	nft, err := knftables.New(knftables.InetFamily, "lectern_netpol_test")
	if err != nil {
		t.Fatal(err)
	}
	writer := NewWriter(nft)
	network.listen("web", 8080)
	network.listen("web", 81)
	network.listen("db", 9090)
	network.listen("", 6443)

	write(t, writer, compiled(t, world()))
	network.expect("web", "[fe80::2%eth0]:9090", true)
	network.expect("db", "10.0.0.1:8080", true)
	kept, err := network.dial("prober", "10.0.0.1:8080")
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()

	fromDB := []networkingv1.NetworkPolicyPeer{{PodSelector: selecting("app", "db")}}
	write(t, writer, compiled(t, world(ingressFrom(fromDB, port("TCP", intstr.FromString("http"))))))
	network.expect("db", "10.0.0.1:8080", true)
	network.expect("db", "10.0.0.1:81", false)
	network.expect("prober", "10.0.0.1:8080", false)
	network.expect("", "10.0.0.1:81", true) // the node itself: its probes
	network.expect("web", "10.0.0.1:81", true)
	network.expect("prober", "10.0.0.2:9090", true)
	if err := echo(kept); err != nil {
		t.Errorf("an established connection was cut: %v", err)
	}

	write(t, writer, compiled(t, world(egressTo(block("10.0.0.0/24", "10.0.0.254/32")))))
	network.expect("web", "10.0.0.2:9090", true)
	network.expect("web", "10.0.0.254:6443", false)
	network.expect("db", "10.0.0.254:6443", true)
	write(t, writer, compiled(t, world(egressTo(block("10.0.0.254/32"), ports(6000, 7000), port("SCTP", intstr.FromInt32(5)), port("UDP", intstr.FromInt32(53))))))
	network.expect("web", "10.0.0.254:6443", true)
	network.expect("web", "10.0.0.2:9090", false)

	// Many ranges become sets, one for each length of prefix.
	many := append(block("10.0.0.0/30"), block("192.0.2.0/30")...)
	many = append(many, append(block("2001:db8::/64"), block("2001:db8:1::/64")...)...)
	write(t, writer, compiled(t, world(egressTo(many, ports(9000, 9100), port("TCP", intstr.FromInt32(81))))))
	network.expect("web", "10.0.0.2:9090", true)
	network.expect("web", "10.0.0.254:6443", false)
	many = append(many, block("10.0.0.254/32")...)
	write(t, writer, compiled(t, world(egressTo(many))))
	network.expect("web", "10.0.0.254:6443", true)
	write(t, writer, compiled(t, world(egressTo(block("10.0.0.0/8", "10.0.0.252/30", "10.0.1.0/30", "10.9.0.0/16", "10.0.0.77/32")))))
	network.expect("web", "10.0.0.254:6443", false)
	network.expect("web", "10.0.0.2:9090", true)
	write(t, writer, compiled(t, world(egressTo(block("2001:db8::/32", "2001:db8:1::/48", "2001:db8:2::/48")))))
	network.expect("web", "10.0.0.2:9090", false)

	guarded := world()
	guarded.Bridge = "br0"
	guarded.Pods = []Pod{web, db} // so prober's address belongs to no pod
	bridge := network.guard(web, db, prober)
	write(t, writer, compiled(t, guarded))
	network.expect("web", "10.0.0.2:9090", true)
	network.expect("web", "10.0.0.254:6443", true)
	network.expect("", "10.0.0.2:9090", true)
	network.expect("prober", "10.0.0.2:9090", false)
	network.expect("prober", "10.0.0.254:6443", false)
	network.expect("web", "[fe80::2%eth0]:9090", false) // an address that the kernel gives itself and no policy knows

	for _, one := range []*Writer{writer, bridge} {
		if err := one.Remove(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	network.expect("web", "10.0.0.2:9090", true)
	if out, err := exec.Command("nft", "list", "tables").CombinedOutput(); err != nil || strings.Contains(string(out), "lectern") {
		t.Errorf("tables after the removal: %s (%v)", out, err)
	}
}

func echo(connection net.Conn) error {
	if err := connection.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := connection.Write([]byte("still")); err != nil {
		return err
	}
	_, err := connection.Read(make([]byte, 16))
	return err
}

func TestABridgeThatIsNotFilteredIsFilteredAfterwards(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bridge-nf-call-iptables")
	if err := os.WriteFile(path, []byte("0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := filterBridges([]string{path}); err != nil {
		t.Fatal(err)
	}
	if value, err := os.ReadFile(path); err != nil || string(value) != "1" {
		t.Errorf("the setting is %q (%v)", value, err)
	}
	if err := filterBridges([]string{filepath.Join(t.TempDir(), "missing")}); err == nil || !strings.Contains(err.Error(), "br_netfilter") {
		t.Errorf("a kernel without bridge filtering was answered with %v", err)
	}
}
