package announce

import (
	"bytes"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestWithoutTheEnforcerNoPodStarts(t *testing.T) {
	if err := callGate(http.MethodPost, filepath.Join(t.TempDir(), "none.sock"), Announcement{}, 0); err == nil {
		t.Error("the plugin went on without the enforcer")
	}
}

func TestThePluginTellsItsVersionsAndLetsPodsEnd(t *testing.T) {
	var out bytes.Buffer
	if err := Plugin("VERSION", "", strings.NewReader(""), &out); err != nil || !strings.Contains(out.String(), `"1.0.0"`) {
		t.Errorf("VERSION answered %s (%v)", out.String(), err)
	}
	if err := Plugin("DEL", "", strings.NewReader("{}"), &out); err != nil {
		t.Errorf("DEL failed: %v", err)
	}
}

func TestThePluginTellsWhichInterfaceIsThePods(t *testing.T) {
	config := cniConfig{PrevResult: []byte(`{"interfaces":[{"name":"br0","mac":"02:00:00:00:00:fe"},{"name":"veth1","mac":"02:00:00:00:00:11"},
		{"name":"eth0","mac":"02:00:00:00:00:01","sandbox":"/run/netns/one"}],"ips":[{"interface":2,"address":"10.0.0.1/16"}]}`)}
	one, err := announcementOf(config, "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_UID=uid-1")
	if err != nil {
		t.Fatal(err)
	}
	if one.MAC != "02:00:00:00:00:01" || !slices.Equal(one.Interfaces, []string{"br0", "veth1"}) {
		t.Errorf("it announces %+v", one)
	}
	if len(one.Addresses) != 1 || one.Addresses[0].String() != "10.0.0.1" || one.UID != "uid-1" {
		t.Errorf("it announces %+v", one)
	}
}
